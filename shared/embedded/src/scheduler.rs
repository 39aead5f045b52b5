//! Runs the modules' jobs by the clock, as EventBridge Scheduler does on AWS.

use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use croner::Cron;
use futures_util::FutureExt;
use jiff::{Timestamp, tz::TimeZone};
use kernel::{
    clock::Clock,
    fault::{self, Fault, panic_message},
    job::{Job, JobError},
};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::{secrets::write_private, signals::Signals, store::StoreError};

/// Remembers when each schedule was last done with.
const FILE: &str = "schedules.json";
/// The longest sleep: the timer stands still while a machine sleeps, the clock does not.
const LONGEST_SLEEP: Duration = Duration::from_mins(10);
/// After the first failed attempt; doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// When which job runs.
#[derive(Clone)]
pub struct Schedule {
    /// Unique over all modules.
    pub name: String,
    /// Five fields, in UTC.
    pub cron: &'static str,
    pub max_attempts: u32,
    pub job: Arc<dyn Job>,
}

/// The running timer. One job runs at a time. Dropping it ends it like a crash: what was under way runs
/// again at the next start.
pub struct Scheduler {
    signals: Signals,
    task: JoinHandle<()>,
}

impl Scheduler {
    /// Starts the timer. A run that fell into a time without a process is made up for, once.
    ///
    /// # Errors
    /// When a schedule's times cannot be read, or what is remembered of earlier runs.
    pub fn start(
        folder: &Path,
        clock: Arc<dyn Clock>,
        schedules: Vec<Schedule>,
    ) -> Result<Self, StoreError> {
        let signals = Signals::new();
        let timer = Timer::new(folder, clock, schedules, signals.clone())?;
        Ok(Self { signals, task: tokio::spawn(timer.run()) })
    }

    /// Finishes the job under way.
    pub async fn stop(self) {
        self.signals.stop();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the scheduler had failed");
        }
    }
}

struct Timer {
    clock: Arc<dyn Clock>,
    schedules: Vec<(Cron, Schedule)>,
    done: Done,
    signals: Signals,
}

impl Timer {
    fn new(
        folder: &Path,
        clock: Arc<dyn Clock>,
        schedules: Vec<Schedule>,
        signals: Signals,
    ) -> Result<Self, StoreError> {
        let mut done = Done::open(folder)?;
        let mut parsed = Vec::with_capacity(schedules.len());
        for schedule in schedules {
            let cron = Cron::from_str(schedule.cron)
                .map_err(|error| StoreError::new(format!("schedule {}: {error}", schedule.name)))?;
            done.times.entry(schedule.name.clone()).or_insert_with(|| clock.now());
            parsed.push((cron, schedule));
        }
        done.save()?;
        Ok(Self { clock, schedules: parsed, done, signals })
    }

    async fn run(mut self) {
        while !self.signals.is_stopping() && !self.schedules.is_empty() {
            let pause = self.pass().await;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.signals.stopping() => {}
            }
        }
    }

    /// Runs what is due, one after the other. How long until it is worth looking again.
    async fn pass(&mut self) -> Duration {
        let schedules = self.schedules.clone();
        for (cron, schedule) in &schedules {
            let is_due = self.due(cron, schedule).is_some_and(|due| due <= self.clock.now());
            if is_due && self.attempt(schedule).await {
                self.done.times.insert(schedule.name.clone(), self.clock.now());
                if let Err(error) = self.done.save() {
                    report(&schedule.name, format!("its run is not remembered: {error}"), false);
                }
            }
        }
        let now = self.clock.now();
        let next = schedules.iter().filter_map(|(cron, schedule)| self.due(cron, schedule)).min();
        let left = next.map(|next| next.duration_since(now).unsigned_abs());
        left.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP)
    }

    fn due(&self, cron: &Cron, schedule: &Schedule) -> Option<Timestamp> {
        let done = self.done.times.get(&schedule.name)?.to_zoned(TimeZone::UTC);
        cron.find_next_occurrence(&done, false).ok().map(|next| next.timestamp())
    }

    /// Whether the job is done with, by success or by giving up; not when it is time to stop.
    async fn attempt(&self, schedule: &Schedule) -> bool {
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let running = AssertUnwindSafe(schedule.job.run(&Value::Null)).catch_unwind();
            let cause = match running.await {
                Ok(Ok(())) => return true,
                Ok(Err(JobError::Retry(cause))) if attempt < schedule.max_attempts => cause,
                Ok(Err(error)) => {
                    report(&schedule.name, error.to_string(), false);
                    return true;
                }
                Err(panic) => {
                    report(&schedule.name, panic_message(panic.as_ref()), true);
                    return true;
                }
            };
            tracing::warn!(schedule = schedule.name, cause, "job failed, next try in {pause:?}");
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.signals.stopping() => return false,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        true
    }
}

fn report(schedule: &str, message: String, is_panic: bool) {
    fault::report(&Fault {
        message,
        request_id: None,
        place: format!("schedule {schedule}"),
        is_panic,
    });
}

/// When each schedule was last done with; for one never seen before, when it was first seen.
struct Done {
    path: PathBuf,
    times: BTreeMap<String, Timestamp>,
}

impl Done {
    fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let times = match fs::read(&path) {
            Ok(json) => serde_json::from_slice(&json).map_err(StoreError::new)?,
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(StoreError::new(error)),
        };
        Ok(Self { path, times })
    }

    fn save(&self) -> Result<(), StoreError> {
        let json = serde_json::to_vec_pretty(&self.times).map_err(StoreError::new)?;
        write_private(&self.path, &json).map_err(StoreError::new)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use async_trait::async_trait;
    use jiff::SignedDuration;
    use kernel::clock::ManualClock;

    use super::*;

    #[derive(Default)]
    struct Counting {
        runs: AtomicU32,
        failures: u32,
    }

    #[async_trait]
    impl Job for Counting {
        fn kind(&self) -> &'static str {
            "demo.count"
        }

        async fn run(&self, _: &Value) -> Result<(), JobError> {
            if self.runs.fetch_add(1, Ordering::SeqCst) < self.failures {
                return Err(JobError::retry("not yet"));
            }
            Ok(())
        }
    }

    struct Test {
        folder: tempfile::TempDir,
        clock: ManualClock,
        job: Arc<Counting>,
    }

    impl Test {
        fn new(failures: u32) -> Self {
            Self {
                folder: tempfile::tempdir().unwrap(),
                clock: ManualClock::at("2026-01-01T12:00:00Z".parse().unwrap()),
                job: Arc::new(Counting { failures, ..Counting::default() }),
            }
        }

        fn timer(&self, cron: &'static str) -> Result<Timer, StoreError> {
            let job = self.job.clone();
            let schedule = Schedule { name: "demo/count".to_owned(), cron, max_attempts: 3, job };
            let clock = Arc::new(self.clock.clone());
            Timer::new(self.folder.path(), clock, vec![schedule], Signals::new())
        }

        fn runs(&self) -> u32 {
            self.job.runs.load(Ordering::SeqCst)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_runs_when_its_time_has_come_and_once() {
        let test = Test::new(0);
        let mut timer = test.timer("30 12 * * *").unwrap();
        assert_eq!(timer.pass().await, LONGEST_SLEEP);
        assert_eq!(test.runs(), 0, "not yet");
        test.clock.advance(SignedDuration::from_mins(25));
        assert_eq!(timer.pass().await, Duration::from_mins(5));
        test.clock.advance(SignedDuration::from_mins(5));
        timer.pass().await;
        timer.pass().await;
        assert_eq!(test.runs(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_nobody_was_there_for_is_made_up_for_once() {
        let test = Test::new(0);
        test.timer("0 3 * * *").unwrap().pass().await;
        test.clock.advance(SignedDuration::from_hours(24 * 10));
        for _ in 0..2 {
            test.timer("0 3 * * *").unwrap().pass().await;
        }
        assert_eq!(test.runs(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_job_is_tried_again_and_given_up_in_the_end() {
        for (failures, runs) in [(2, 3), (9, 3)] {
            let test = Test::new(failures);
            let mut timer = test.timer("0 * * * *").unwrap();
            test.clock.advance(SignedDuration::from_hours(1));
            timer.pass().await;
            timer.pass().await;
            assert_eq!(test.runs(), runs);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_timer_runs_until_it_is_stopped() {
        let test = Test::new(0);
        let (folder, clock) = (test.folder.path(), Arc::new(test.clock.clone()));
        let (job, name) = (test.job.clone(), "demo/count".to_owned());
        let schedule = Schedule { name, cron: "* * * * *", max_attempts: 1, job };
        let scheduler = Scheduler::start(folder, clock, vec![schedule]).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        test.clock.advance(SignedDuration::from_mins(1));
        tokio::time::sleep(Duration::from_mins(1)).await;
        scheduler.stop().await;
        assert_eq!(test.runs(), 1);
    }

    #[test]
    fn times_that_cannot_be_read_are_refused_at_start() {
        assert!(Test::new(0).timer("61 * * * *").is_err());
    }
}
