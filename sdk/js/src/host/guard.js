// A component has no clock of its own: to ask for it would trap. As an error it says what to do.

function noClock() {
  throw new Error("a plugin has no clock: grant `clock`, and use clock.now() of millrace");
}

const WithClock = Date;

/** A Date of a given time. */
class GivenDate extends WithClock {
  constructor(...given) {
    if (given.length === 0) noClock();
    super(...given);
  }

  static now = noClock;
}

Object.defineProperty(GivenDate, "name", { value: "Date" });
globalThis.Date = GivenDate;
globalThis.performance = { now: noClock };
