use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use argon2::Block;

/// What one hash works in.
pub type Memory = Vec<Block>;

/// How long buffers are kept after the last hash.
const KEPT: Duration = Duration::from_secs(5);

/// Buffers that no hash is using: kept while passwords are being hashed, given back to the system when
/// that has stopped for a while.
#[derive(Debug, Clone, Default)]
pub struct Buffers(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    free: Mutex<Vec<Memory>>,
    uses: AtomicU64,
    is_watched: AtomicBool,
}

impl Buffers {
    /// Runs the work with a buffer.
    pub fn lend<T>(&self, work: impl FnOnce(&mut Memory) -> T) -> T {
        self.0.uses.fetch_add(1, Ordering::Relaxed);
        let mut memory = self.free().pop().unwrap_or_default();
        let value = work(&mut memory);
        self.free().push(memory);
        value
    }

    /// Sees to it that the buffers are given back once nobody has needed one for a while.
    pub fn release_when_idle(&self) {
        if self.0.is_watched.swap(true, Ordering::AcqRel) {
            return;
        }
        let buffers = self.clone();
        tokio::spawn(async move {
            loop {
                let before = buffers.0.uses.load(Ordering::Relaxed);
                tokio::time::sleep(KEPT).await;
                if buffers.0.uses.load(Ordering::Relaxed) == before {
                    break;
                }
            }
            buffers.0.is_watched.store(false, Ordering::Release);
            buffers.free().clear();
        });
    }

    fn free(&self) -> MutexGuard<'_, Vec<Memory>> {
        self.0.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn buffers_are_used_again_and_then_given_back() {
        let buffers = Buffers::default();
        buffers.lend(|memory| memory.resize(8, Block::default()));
        assert_eq!(buffers.lend(|memory| memory.len()), 8);
        buffers.release_when_idle();
        tokio::time::sleep(KEPT * 3).await;
        assert!(buffers.free().is_empty());
    }
}
