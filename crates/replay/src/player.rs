//! The clock of the replay: a pure function from a player and an input to the next player.

/// The slowest and fastest replay.
pub const SPEEDS: std::ops::RangeInclusive<f64> = 1.0..=10_000.0;

/// Where the replay stands and how it moves. Positions are in the playhead's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Player {
    /// The playhead, 0 to `length`.
    pub at: f64,
    /// Where the last run ends.
    pub length: f64,
    /// How far the playhead goes in a second at speed 1: 1 for seconds, the runs' rate for tokens.
    pub rate: f64,
    /// Multiple of that, within [`SPEEDS`].
    pub speed: f64,
    /// Whether it moves.
    pub playing: bool,
    /// Whether it moves backwards.
    pub reverse: bool,
}

/// What can happen to a [`Player`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Input {
    /// So many seconds passed on the user's clock.
    Tick(f64),
    /// Play, also from the end.
    Play,
    /// Stop moving.
    Pause,
    /// Play or pause.
    Toggle,
    /// Move the playhead there.
    Scrub(f64),
    /// Move the playhead by this much.
    Nudge(f64),
    /// Set the speed.
    Speed(f64),
    /// Ten times as fast, one tenth as fast, and so on.
    Faster(f64),
    /// Turn round.
    Reverse,
    /// The runs grew, or others are shown: their length, and their rate.
    Runs {
        /// Where the last run ends.
        length: f64,
        /// How far the playhead goes in a second at speed 1.
        rate: f64,
    },
}

impl Default for Player {
    fn default() -> Self {
        Self {
            at: 0.0,
            length: 0.0,
            rate: 1.0,
            speed: 1.0,
            playing: false,
            reverse: false,
        }
    }
}

impl Player {
    /// The player after an input. Numbers that are not finite change nothing.
    #[must_use]
    pub fn after(self, input: Input) -> Self {
        match input {
            Input::Tick(seconds) => self.tick(seconds),
            Input::Play => self.play(),
            Input::Pause => Self {
                playing: false,
                ..self
            },
            Input::Toggle if self.playing => Self {
                playing: false,
                ..self
            },
            Input::Toggle => self.play(),
            Input::Scrub(at) => self.moved(at),
            Input::Nudge(by) => self.moved(self.at + by),
            Input::Speed(speed) => self.with_speed(speed),
            Input::Faster(factor) => self.with_speed(self.speed * factor),
            Input::Reverse => Self {
                reverse: !self.reverse,
                ..self
            },
            Input::Runs { length, rate } => self.with_runs(length, rate),
        }
    }

    /// Stops at either end.
    fn tick(self, seconds: f64) -> Self {
        if !self.playing {
            return self;
        }
        let way = self.rate * self.speed * seconds.max(0.0);
        let next = self.moved(if self.reverse {
            self.at - way
        } else {
            self.at + way
        });
        let end = if self.reverse { 0.0 } else { self.length };
        Self {
            playing: next.at != end,
            ..next
        }
    }

    /// From the far end it begins again.
    fn play(self) -> Self {
        let (end, start) = if self.reverse {
            (0.0, self.length)
        } else {
            (self.length, 0.0)
        };
        let at = if self.at == end { start } else { self.at };
        Self {
            at,
            playing: self.length > 0.0,
            ..self
        }
    }

    fn moved(self, at: f64) -> Self {
        let at = if at.is_finite() {
            at.clamp(0.0, self.length)
        } else {
            self.at
        };
        Self { at, ..self }
    }

    fn with_speed(self, speed: f64) -> Self {
        let speed = if speed.is_finite() {
            speed.clamp(*SPEEDS.start(), *SPEEDS.end())
        } else {
            self.speed
        };
        Self { speed, ..self }
    }

    fn with_runs(self, length: f64, rate: f64) -> Self {
        let sound = |value: f64, old: f64| {
            if value.is_finite() && value >= 0.0 {
                value
            } else {
                old
            }
        };
        let next = Self {
            length: sound(length, self.length),
            rate: sound(rate, self.rate),
            ..self
        };
        next.moved(self.at)
    }
}
