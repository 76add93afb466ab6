//! Which inputs of a task have met the barrier. Pure.

/// Inputs that have met the barrier wait for the others.
#[derive(Debug, Clone)]
pub struct Alignment {
    met: Vec<bool>,
    missing: usize,
}

impl Alignment {
    pub fn new(inputs: usize) -> Self {
        Self { met: vec![false; inputs], missing: inputs }
    }

    /// An input has met the barrier. Whether all have: then all are open again.
    pub fn meet(&mut self, input: usize) -> bool {
        if !std::mem::replace(&mut self.met[input], true) {
            self.missing -= 1;
        }
        let aligned = self.missing == 0;
        if aligned {
            self.met.fill(false);
            self.missing = self.met.len();
        }
        aligned
    }

    /// Whether nothing may be taken from an input now.
    pub fn is_met(&self, input: usize) -> bool {
        self.met[input]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every order in which three inputs meet three barriers, each waiting once it has: an epoch
    /// is aligned exactly when all inputs have met its barrier.
    #[test]
    fn every_order_of_barriers_aligns_whole_epochs() {
        fn explore(alignment: &Alignment, met: [u32; 3], epoch: u32, ends: &mut u32) {
            if epoch == 3 {
                *ends += 1;
                return;
            }
            for input in 0..3 {
                assert_eq!(alignment.is_met(input), met[input] > epoch);
                if met[input] > epoch {
                    continue;
                }
                let (mut next, mut met) = (alignment.clone(), met);
                met[input] += 1;
                let aligned = next.meet(input);
                assert_eq!(aligned, met.iter().all(|m| *m == epoch + 1));
                explore(&next, met, epoch + u32::from(aligned), ends);
            }
        }
        let mut ends = 0;
        explore(&Alignment::new(3), [0; 3], 0, &mut ends);
        assert_eq!(ends, 6 * 6 * 6);
    }
}
