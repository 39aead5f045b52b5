//! A cache of what a table or another service said: bounded, expiring, and one read for all who miss at the
//! same time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use moka::future::Cache;
use tokio::sync::Mutex;

use crate::clock::Clock;

/// How much is remembered, and how long.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    pub seconds: u32,
    pub entries: u64,
}

#[derive(Clone)]
struct Entry<V> {
    value: V,
    read_at: Timestamp,
}

/// Values by key, as they were read at most [`Memory::seconds`] ago.
pub struct Remembered<V> {
    /// For the metric.
    name: &'static str,
    /// `None` when nothing is to be remembered.
    cache: Option<Cache<String, Entry<V>>>,
    lifetime: SignedDuration,
    clock: Arc<dyn Clock>,
    /// Counts calls of [`Self::forget`], so that a read that began before one does not outlast it.
    forgotten: AtomicU64,
    /// Held during a read of several values.
    reading: Mutex<()>,
}

impl<V: Clone + Send + Sync + 'static> Remembered<V> {
    pub fn new(name: &'static str, memory: Memory, clock: Arc<dyn Clock>) -> Self {
        let cache = (memory.seconds > 0).then(|| {
            // Only frees the space: whether an entry still counts is decided by the clock.
            let lifetime = Duration::from_secs(memory.seconds.into());
            Cache::builder().max_capacity(memory.entries).time_to_live(lifetime).build()
        });
        Self {
            name,
            cache,
            lifetime: SignedDuration::from_secs(memory.seconds.into()),
            clock,
            forgotten: AtomicU64::new(0),
            reading: Mutex::new(()),
        }
    }

    /// The remembered value, or the one that `read` gives. Callers that miss the same key at the same
    /// time share one read, and its error.
    pub async fn get<F, E>(&self, key: String, read: impl FnOnce() -> F) -> Result<V, Arc<E>>
    where
        F: Future<Output = Result<V, E>>,
        E: Send + Sync + 'static,
    {
        // Reads are large futures: in a box, and made only when there is something to read.
        let Some(cache) = &self.cache else { return Box::pin(read()).await.map_err(Arc::new) };
        if let Some(value) = self.find(cache, &key).await {
            return Ok(value);
        }
        let forgotten = self.forgotten.load(Ordering::SeqCst);
        let read_at = self.clock.now();
        let read = Box::pin(async { read().await.map(|value| Entry { value, read_at }) });
        let entry = cache.try_get_with_by_ref(&key, read).await?;
        self.drop_outdated(cache, forgotten, &[&key]).await;
        Ok(entry.value)
    }

    /// The values of the keys, in their order. `read` gets the positions of those that are missing and
    /// gives one value for each. One such read runs at a time: whoever waited for it mostly finds
    /// that it brought theirs too.
    pub async fn get_many<F, E>(
        &self,
        keys: &[String],
        read: impl FnOnce(Vec<usize>) -> F,
    ) -> Result<Vec<V>, E>
    where
        F: Future<Output = Result<Vec<V>, E>>,
    {
        let Some(cache) = &self.cache else {
            return Box::pin(read((0..keys.len()).collect())).await;
        };
        let found = self.find_many(cache, keys).await;
        if found.iter().all(Option::is_some) {
            return Ok(found.into_iter().flatten().collect());
        }
        let _reading = self.reading.lock().await;
        let mut found = self.find_many(cache, keys).await;
        let missing: Vec<usize> = (0..keys.len()).filter(|at| found[*at].is_none()).collect();
        if !missing.is_empty() {
            let forgotten = self.forgotten.load(Ordering::SeqCst);
            let read_at = self.clock.now();
            let values = Box::pin(read(missing.clone())).await?;
            for (at, value) in missing.iter().zip(values) {
                let entry = Entry { value: value.clone(), read_at };
                cache.insert(keys[*at].clone(), entry).await;
                found[*at] = Some(value);
            }
            let read: Vec<&String> = missing.iter().map(|at| &keys[*at]).collect();
            self.drop_outdated(cache, forgotten, &read).await;
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// What the key stands for has changed: the next one to ask reads it.
    pub async fn forget(&self, key: &str) {
        if let Some(cache) = &self.cache {
            self.forgotten.fetch_add(1, Ordering::SeqCst);
            cache.invalidate(key).await;
        }
    }

    async fn find(&self, cache: &Cache<String, Entry<V>>, key: &str) -> Option<V> {
        let entry = cache.get(key).await;
        let now = self.clock.now();
        let is_fresh =
            entry.as_ref().is_some_and(|e| now.duration_since(e.read_at) < self.lifetime);
        let outcome = if is_fresh { "hit" } else { "miss" };
        metrics::counter!("cache_lookups_total", "cache" => self.name, "outcome" => outcome)
            .increment(1);
        if entry.is_some() && !is_fresh {
            cache.invalidate(key).await;
        }
        entry.filter(|_| is_fresh).map(|entry| entry.value)
    }

    async fn find_many(&self, cache: &Cache<String, Entry<V>>, keys: &[String]) -> Vec<Option<V>> {
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            found.push(self.find(cache, key).await);
        }
        found
    }

    /// Drops what was just read if something was forgotten meanwhile: it may be of before the change.
    async fn drop_outdated(
        &self,
        cache: &Cache<String, Entry<V>>,
        forgotten: u64,
        keys: &[&String],
    ) {
        if self.forgotten.load(Ordering::SeqCst) == forgotten {
            return;
        }
        for key in keys {
            cache.invalidate(*key).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use tokio::sync::oneshot;

    use super::*;
    use crate::clock::ManualClock;

    type Read<T> = Result<T, std::convert::Infallible>;

    fn remembered(seconds: u32) -> (Remembered<u32>, ManualClock) {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let memory = Memory { seconds, entries: 100 };
        (Remembered::new("test", memory, Arc::new(clock.clone())), clock)
    }

    async fn get(remembered: &Remembered<u32>, value: u32) -> u32 {
        remembered.get("key".to_owned(), async || Read::Ok(value)).await.unwrap()
    }

    #[tokio::test]
    async fn a_value_is_remembered_until_it_expires() {
        let (remembered, clock) = remembered(60);
        assert_eq!(get(&remembered, 1).await, 1);
        clock.advance(SignedDuration::from_secs(59));
        assert_eq!(get(&remembered, 2).await, 1);
        clock.advance(SignedDuration::from_secs(1));
        assert_eq!(get(&remembered, 3).await, 3);
    }

    #[tokio::test]
    async fn nothing_is_remembered_for_zero_seconds() {
        let (remembered, _) = remembered(0);
        assert_eq!(get(&remembered, 1).await, 1);
        assert_eq!(get(&remembered, 2).await, 2);
        let read =
            |missing: Vec<usize>| async move { Read::Ok(missing.iter().map(|_| 7).collect()) };
        let keys = ["a".to_owned(), "b".to_owned()];
        assert_eq!(remembered.get_many(&keys, read).await.unwrap(), [7, 7]);
    }

    #[tokio::test]
    async fn a_forgotten_value_is_read_again() {
        let (remembered, _) = remembered(60);
        get(&remembered, 1).await;
        remembered.forget("key").await;
        assert_eq!(get(&remembered, 2).await, 2);
    }

    #[tokio::test]
    async fn a_read_that_began_before_a_change_is_not_remembered() {
        let (remembered, _) = remembered(60);
        let (finish, finished) = oneshot::channel::<()>();
        let reading = remembered.get("key".to_owned(), async || {
            finished.await.unwrap();
            Read::Ok(1)
        });
        let changing = async {
            remembered.forget("key").await;
            finish.send(()).unwrap();
        };
        assert_eq!(tokio::join!(reading, changing).0.unwrap(), 1);
        assert_eq!(get(&remembered, 2).await, 2);
    }

    #[tokio::test]
    async fn who_misses_at_the_same_time_shares_one_read() {
        let (remembered, _) = remembered(60);
        let reads = AtomicU64::new(0);
        let read = || async {
            reads.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Read::Ok(1)
        };
        join_all((0..10).map(|_| remembered.get("key".to_owned(), read))).await;
        assert_eq!(reads.load(Ordering::SeqCst), 1);

        let keys = ["a".to_owned(), "b".to_owned()];
        let read_many = |missing: Vec<usize>| async move {
            read().await?;
            Read::Ok(missing.iter().map(|_| 1).collect())
        };
        join_all((0..10).map(|_| remembered.get_many(&keys, read_many))).await;
        assert_eq!(reads.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn of_several_values_only_the_missing_are_read() {
        let (remembered, _) = remembered(60);
        let keys = ["a", "b", "c"].map(ToOwned::to_owned);
        remembered.get("b".to_owned(), async || Read::Ok(20)).await.unwrap();
        let read = |missing: Vec<usize>| async move {
            assert_eq!(missing, [0, 2]);
            Read::Ok(vec![10, 30])
        };
        assert_eq!(remembered.get_many(&keys, read).await.unwrap(), [10, 20, 30]);
    }
}
