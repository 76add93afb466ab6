//! The distance between two places on earth; README.md says more.

use millrace_plugin::prelude::*;

/// The mean radius of the earth.
const RADIUS_KM: f64 = 6371.0088;

/// `haversine(lat1, lon1, lat2, lon2)` in kilometres.
pub struct Haversine;

/// `[function.X.config]`: nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

impl Scalar for Haversine {
    type Config = Config;

    fn start(_: Config, arguments: &Schema) -> Result<(Self, Field), ConfigErrors> {
        let floats = arguments.fields().iter().filter(|f| *f.data_type() == DataType::Float64);
        if arguments.fields().len() != 4 || floats.count() != 4 {
            let message = "it takes four float64: latitude and longitude of two places, in degrees";
            return Err(ConfigErrors::whole(message));
        }
        Ok((Self, Field::new("km", DataType::Float64, true)))
    }

    fn evaluate(
        &mut self,
        arguments: &RecordBatch,
        errors: &mut Errors,
    ) -> Result<ArrayRef, Failure> {
        let degrees = [
            arguments.float64("a0")?,
            arguments.float64("a1")?,
            arguments.float64("a2")?,
            arguments.float64("a3")?,
        ];
        let distance = |row: usize| {
            if degrees.iter().any(|column| column.is_null(row)) {
                return None;
            }
            let [lat1, lon1, lat2, lon2] = degrees.map(|column| column.value(row));
            for (name, value, max) in [("latitude", lat1, 90.0), ("latitude", lat2, 90.0)]
                .into_iter()
                .chain([("longitude", lon1, 180.0), ("longitude", lon2, 180.0)])
            {
                if value.is_nan() || value.abs() > max {
                    errors.error(row as u32, "no_place", format!("{value} is no {name}"));
                    return None;
                }
            }
            Some(haversine(lat1, lon1, lat2, lon2))
        };
        let kilometres: Float64Array = (0..arguments.num_rows()).map(distance).collect();
        Ok(Arc::new(kilometres))
    }
}

fn haversine(lat1: f64, lon1: f64, lat2: f64, lon2: f64) -> f64 {
    let (lat1, lon1) = (lat1.to_radians(), lon1.to_radians());
    let (lat2, lon2) = (lat2.to_radians(), lon2.to_radians());
    let half = |angle: f64| (angle / 2.0).sin().powi(2);
    let chord = half(lat2 - lat1) + lat1.cos() * lat2.cos() * half(lon2 - lon1);
    2.0 * RADIUS_KM * chord.sqrt().min(1.0).asin()
}

export_scalar!(Haversine);
