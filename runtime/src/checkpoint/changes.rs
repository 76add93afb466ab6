//! A changed pipeline and the state that a checkpoint holds for it. Pure: shapes in, verdicts out.

use std::collections::BTreeSet;

use crate::plan::{Shape, Shapes};

/// What becomes of a step's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepChange {
    /// There is none yet.
    New { step: String },
    /// It is used as it is.
    Kept { step: String },
    /// The user wants it dropped; the step, if there is one, begins anew.
    Forgotten { step: String },
    /// It can't be used, and nothing may start.
    Refused { step: String, message: String, help: String },
}

/// Compares the state of the checkpoint with that which the pipeline would make. `forget` names
/// the steps whose state may be dropped. The result is ordered by step.
pub fn compare(stored: &Shapes, wanted: &Shapes, forget: &[String]) -> Vec<StepChange> {
    let steps: BTreeSet<&String> = stored.keys().chain(wanted.keys()).collect();
    let change = |node: &String| {
        let step = node.clone();
        // What a step was split into goes with the step.
        let name = node.split('#').next().unwrap_or(node);
        let is_forgotten = forget.iter().any(|forget| forget == name || forget == node);
        match (stored.get(node), wanted.get(node)) {
            (None, _) => StepChange::New { step },
            (Some(_), _) if is_forgotten => StepChange::Forgotten { step },
            (Some(old), None) => StepChange::Refused {
                step,
                message: format!(
                    "the checkpoint holds state of the step `{name}` ({}), and the pipeline has no \
                     such step",
                    old.kind
                ),
                help: format!("name it so again, or drop its state with --forget {name}"),
            },
            (Some(old), Some(new)) => match differences(old, new) {
                differences if differences.is_empty() => StepChange::Kept { step },
                differences => StepChange::Refused {
                    step,
                    message: format!(
                        "the state of the step `{name}` can't be used any more: {}",
                        differences.join("; ")
                    ),
                    help: format!(
                        "change it back, drop its state with --forget {name}, or give the new step \
                         another name"
                    ),
                },
            },
        }
    };
    steps.into_iter().map(change).collect()
}

/// What makes the old state useless, in words.
fn differences(old: &Shape, new: &Shape) -> Vec<String> {
    if old.kind != new.kind {
        return vec![format!("its kind was `{}` and is `{}`", old.kind, new.kind)];
    }
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in old.parts.iter().chain(&new.parts) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let texts = |shape: &Shape, name: &str| {
        let parts = shape.parts.iter().filter(|(part, _)| part == name);
        let texts: Vec<&str> = parts.map(|(_, text)| text.as_str()).collect();
        if texts.is_empty() { "nothing".to_owned() } else { texts.join(", ") }
    };
    let changed = names.into_iter().filter_map(|name| {
        let (before, after) = (texts(old, name), texts(new, name));
        (before != after).then(|| format!("its {name} was `{before}` and is `{after}`"))
    });
    let mut changed: Vec<String> = changed.collect();
    if changed.is_empty() && types(old) != types(new) {
        let (before, after) = (types(old).join(", "), types(new).join(", "));
        changed.push(format!("its columns were of the types {before} and are of {after}"));
    }
    changed
}

/// What a plugin says that reads only `reads` and finds states of `versions`.
pub fn unreadable(versions: &BTreeSet<u32>, reads: &BTreeSet<u32>) -> Option<String> {
    let list = |versions: Vec<u32>| {
        versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let lost: Vec<u32> = versions.difference(reads).copied().collect();
    (!lost.is_empty()).then(|| {
        format!(
            "it holds states of version {}, and the plugin reads only {}: let it migrate them",
            list(lost),
            list(reads.iter().copied().collect())
        )
    })
}

fn types(shape: &Shape) -> Vec<String> {
    let fields = shape.key.iter().chain(&shape.value);
    fields.map(|field| field.data_type().to_string()).collect()
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Fields};

    use super::{StepChange, compare};
    use crate::plan::{Layout, Shape, Shapes};

    fn shape(key: &str, window: &str, aggregates: &[&str]) -> Shape {
        let mut parts = vec![("key".to_owned(), key.to_owned())];
        parts.push(("window".to_owned(), window.to_owned()));
        parts.extend(aggregates.iter().map(|a| ("aggregate".to_owned(), (*a).to_owned())));
        let key = Fields::from(vec![Field::new("k", DataType::Utf8, true)]);
        let value = Fields::from(vec![Field::new("v", DataType::Int64, true)]);
        let (kind, layout) = ("aggregate".to_owned(), Layout::Windows(1));
        Shape { kind, layout, key, value, parts, ..Shape::default() }
    }

    fn shapes(steps: &[(&str, Shape)]) -> Shapes {
        steps.iter().map(|(step, shape)| ((*step).to_owned(), shape.clone())).collect()
    }

    fn refusal(old: &Shape, new: &Shape) -> String {
        let found = compare(&shapes(&[("s", old.clone())]), &shapes(&[("s", new.clone())]), &[]);
        match &found[..] {
            [StepChange::Refused { step, message, help }] => {
                assert_eq!(step, "s");
                assert!(help.contains("--forget s"), "{help}");
                message.clone()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_step_that_is_the_same_or_new_goes_on() {
        let same = shape("user", "tumble", &["count(*)"]);
        let found = compare(
            &shapes(&[("a", same.clone())]),
            &shapes(&[("a", same.clone()), ("b", same)]),
            &[],
        );
        let step = |name: &str| name.to_owned();
        assert_eq!(
            found,
            [StepChange::Kept { step: step("a") }, StepChange::New { step: step("b") }]
        );
    }

    #[test]
    fn every_difference_is_named() {
        let old = shape("user", "tumble", &["count(*)", "sum(x)"]);
        let message = refusal(&old, &shape("user, city", "hop", &["count(*)"]));
        for part in ["key was `user` and is `user, city`", "window was `tumble`", "`count(*)`"] {
            assert!(message.contains(part), "{message}");
        }
        let mut other = old.clone();
        other.value = Fields::from(vec![Field::new("v", DataType::Float64, true)]);
        assert!(refusal(&old, &other).contains("Int64"), "types count too");
        other.kind = "deduplicate".to_owned();
        assert!(refusal(&old, &other).contains("kind was `aggregate`"));
    }

    #[test]
    fn a_step_that_is_gone_stops_the_start_unless_it_may_go() {
        let stored = shapes(&[("gone#1", shape("user", "none", &[]))]);
        let found = compare(&stored, &Shapes::new(), &[]);
        let [StepChange::Refused { message, help, .. }] = &found[..] else { panic!("{found:?}") };
        assert!(message.contains("`gone`") && help.contains("--forget gone"), "{message} {help}");
        let found = compare(&stored, &Shapes::new(), &["gone".to_owned()]);
        assert_eq!(found, [StepChange::Forgotten { step: "gone#1".to_owned() }]);
    }
}
