//! Distances, natively.

use haversine::Haversine;
use millrace_plugin::prelude::*;
use millrace_plugin::{Failure, RowError, testing};

type Place = (Option<f64>, Option<f64>);

fn distance(from: Place, to: Place) -> Result<(Option<f64>, Vec<RowError>), Failure> {
    let column = |value: Option<f64>| Arc::new(Float64Array::from(vec![value])) as ArrayRef;
    let arguments = [column(from.0), column(from.1), column(to.0), column(to.1)];
    let (values, errors) = testing::scalar::<Haversine>("{}", &arguments)?;
    let values = values.as_any().downcast_ref::<Float64Array>().unwrap();
    Ok((values.iter().next().flatten(), errors))
}

#[test]
fn known_distances_come_out() {
    let berlin = (Some(52.5200), Some(13.4050));
    let (km, errors) = distance(berlin, (Some(48.8566), Some(2.3522))).unwrap();
    assert!((km.unwrap() - 877.46).abs() < 0.1, "{km:?}");
    assert!(errors.is_empty());
    assert_eq!(distance(berlin, berlin).unwrap().0, Some(0.0));
    let (half, _) = distance((Some(90.0), Some(0.0)), (Some(-90.0), Some(180.0))).unwrap();
    assert!((half.unwrap() - 20015.11).abs() < 0.1, "{half:?}");
}

#[test]
fn what_is_no_place_is_refused_and_null_is_null() {
    let origin = (Some(0.0), Some(0.0));
    for (place, problem) in [
        ((Some(90.5), Some(0.0)), "90.5 is no latitude"),
        ((Some(0.0), Some(-181.0)), "-181 is no longitude"),
        ((Some(f64::NAN), Some(0.0)), "NaN is no latitude"),
    ] {
        let (_, errors) = distance(origin, place).unwrap();
        assert_eq!(errors[0].message, problem);
        assert_eq!(errors[0].code, "no_place");
    }
    let (km, errors) = distance(origin, (None, Some(0.0))).unwrap();
    assert!(km.is_none() && errors.is_empty());
}

#[test]
fn other_arguments_are_refused() {
    let number: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    assert!(testing::scalar::<Haversine>("{}", &[number]).is_err());
}
