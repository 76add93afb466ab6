// The distance between two places on earth; README.md of the plugin in Rust says more.

import { config, ConfigErrors, scalar, types } from "millrace";

/** The mean radius of the earth. */
const RADIUS_KM = 6371.0088;

export const scalarFunction = scalar({
  name: "haversine",
  version: "0.1.0",
  summary: "The distance in kilometres between two places given by latitude and longitude",
  config: config.object({}),
  start(_, args) {
    const floats = args.fields.filter((f) => f.type.kind === "float64");
    if (args.fields.length !== 4 || floats.length !== 4) {
      const message = "it takes four float64: latitude and longitude of two places, in degrees";
      throw ConfigErrors.whole(message);
    }
    return {
      result: types.float64,
      evaluate(rows, errors) {
        const columns = ["a0", "a1", "a2", "a3"].map((name) => rows.float64(name));
        const [lat1, lon1, lat2, lon2] = columns.map((column) => column.values);
        const someNull = columns.some((column) => column.nullCount > 0);
        const kilometres = new Array<number | null>(rows.length).fill(null);
        for (let row = 0; row < rows.length; row++) {
          if (someNull && columns.some((column) => column.isNull(row))) continue;
          const a = lat1[row];
          const b = lon1[row];
          const c = lat2[row];
          const d = lon2[row];
          const wrong = noPlace(a, b, c, d);
          if (wrong === null) kilometres[row] = haversine(a, b, c, d);
          else errors.error(row, "no_place", wrong);
        }
        return kilometres;
      },
    };
  },
});

/** What is wrong with these places. */
function noPlace(lat1: number, lon1: number, lat2: number, lon2: number): string | null {
  if (!(lat1 >= -90 && lat1 <= 90)) return `${lat1} is no latitude`;
  if (!(lat2 >= -90 && lat2 <= 90)) return `${lat2} is no latitude`;
  if (!(lon1 >= -180 && lon1 <= 180)) return `${lon1} is no longitude`;
  if (!(lon2 >= -180 && lon2 <= 180)) return `${lon2} is no longitude`;
  return null;
}

function haversine(lat1: number, lon1: number, lat2: number, lon2: number): number {
  const north1 = radians(lat1);
  const north2 = radians(lat2);
  const north = Math.sin((north2 - north1) / 2);
  const east = Math.sin((radians(lon2) - radians(lon1)) / 2);
  const chord = north * north + Math.cos(north1) * Math.cos(north2) * (east * east);
  return 2 * RADIUS_KM * Math.asin(Math.min(Math.sqrt(chord), 1));
}

function radians(degrees: number): number {
  return degrees * (Math.PI / 180);
}
