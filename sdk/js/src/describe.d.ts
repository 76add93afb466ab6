import type { Field } from "./types.js";
import type { Shape } from "./config.js";

/** Who a plugin is. */
export interface About<C> {
  /** As in `plugin.toml`. */
  name: string;
  version: string;
  /** One sentence. */
  summary: string;
  /** What the configuration must look like. Without it `start` gets it as it is. */
  config?: Shape<C>;
}

/** What a port adds to the input's columns, and what it drops of them. */
export interface Port {
  /** Columns that are written on this port. A name that the input has too replaces that column. */
  adds?: Iterable<Field>;
  /** Columns of the input that do not go on. */
  drops?: Iterable<string>;
}
