// Errors by which a plugin refuses a row or its configuration.

/**
 * Thrown by a function for one row, it refuses this row with a code of its own. Any other error
 * refuses the row with the code `failed`.
 */
export class RowError extends Error {
  constructor(code, message, column) {
    super(message);
    this.name = "RowError";
    this.code = code;
    this.column = column ?? null;
  }
}

/** All that is wrong with a configuration, so that it can be mended in one go. */
export class ConfigErrors extends Error {
  constructor(errors = []) {
    super();
    this.name = "ConfigErrors";
    this.errors = errors;
  }

  /** One mistake of the whole configuration, or of the input. */
  static whole(message) {
    return new ConfigErrors([{ path: "", message }]);
  }

  get message() {
    return this.errors
      .map(({ path, message }) => (path ? `${path}: ${message}` : message))
      .join("; ");
  }

  push(path, message) {
    this.errors.push({ path, message });
  }

  throwIfAny() {
    if (this.errors.length > 0) throw this;
  }
}

/** The text of whatever was thrown. */
export function textOf(thrown) {
  if (!(thrown instanceof Error)) return String(thrown).toWellFormed();
  // The name of a plain error says nothing; that of a TypeError says that it is a bug.
  const plain = thrown.name === "Error" || thrown instanceof RowError;
  const text = plain ? thrown.message : `${thrown.name}: ${thrown.message}`;
  return text.toWellFormed();
}

/** What was thrown as the `err` of `start`. */
export function configErrors(thrown) {
  const errors =
    thrown instanceof ConfigErrors ? thrown.errors : [{ path: "", message: textOf(thrown) }];
  return errors.map(({ path, message }) => ({
    path: path.toWellFormed(),
    message: message.toWellFormed(),
  }));
}

/** The refusal of a row for which `thrown` was thrown. */
export function rowError(row, thrown) {
  if (thrown instanceof RowError) {
    return { row, code: thrown.code, message: textOf(thrown), column: thrown.column };
  }
  return { row, code: "failed", message: textOf(thrown), column: null };
}

/**
 * Calls `work`; what it throws becomes the `err` of the contract's result. The runtime takes a
 * thrown object's `payload` for it, and traps where an error has none of the right type.
 */
export function orFailure(work) {
  try {
    return work();
  } catch (thrown) {
    throw { payload: textOf(thrown) };
  }
}

export function orConfigErrors(work) {
  try {
    return work();
  } catch (thrown) {
    throw { payload: configErrors(thrown) };
  }
}
