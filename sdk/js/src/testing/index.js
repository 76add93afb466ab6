// Runs plugins natively, as the host would, in plain `node --test`.

export { aggregate, scalar } from "./function.js";
export { KeyedTest } from "./keyed.js";
export { schema, Table, table } from "./table.js";
export { run, start } from "./transform.js";
