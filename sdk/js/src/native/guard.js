// In a test the clock is the engine's.
