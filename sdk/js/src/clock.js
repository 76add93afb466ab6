// The time; the step needs `grant = ["clock"]`.

export { now } from "#host/clock";
