//! Reads ahead on a thread, so that a training step does not wait for the disk.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use crate::error::DataError;
use crate::loader::{Blocks, Loader, LoaderState};

/// A loader on a thread of its own. Dropping it ends the thread.
#[derive(Debug)]
pub struct Prefetch {
    /// `None` only while dropping.
    receiver: Option<Receiver<Message>>,
    thread: Option<JoinHandle<()>>,
    state: LoaderState,
}

/// What a request was answered with.
#[derive(Clone, Debug, PartialEq)]
pub struct Served {
    /// The blocks.
    pub blocks: Blocks,
    /// Seconds that the caller waited for them.
    pub wait_s: f64,
}

type Message = Result<(Blocks, LoaderState), DataError>;

impl Prefetch {
    /// Answers `requests` (numbers of blocks, such as `std::iter::repeat(16)`) one after the other from `loader`,
    /// keeping up to `depth` answers ready, at least one.
    ///
    /// # Errors
    /// The system refuses to start a thread.
    pub fn new<R>(loader: Loader, requests: R, depth: usize) -> Result<Self, DataError>
    where
        R: IntoIterator<Item = usize>,
        R::IntoIter: Send + 'static,
    {
        let state = loader.state();
        // One answer more is ready in the thread's hands while the channel is full.
        let (sender, receiver) = sync_channel(depth.saturating_sub(1));
        let requests = requests.into_iter();
        let thread = Builder::new().name("prefetch".to_owned());
        let thread = thread
            .spawn(move || answer(loader, requests, &sender))
            .map_err(DataError::Thread)?;
        Ok(Self {
            receiver: Some(receiver),
            thread: Some(thread),
            state,
        })
    }

    /// The answer to the next request.
    ///
    /// # Errors
    /// What the loader says; [`DataError::PrefetchEnded`] after the last request or an earlier error.
    pub fn next_blocks(&mut self) -> Result<Served, DataError> {
        let start = Instant::now();
        let message = self.receiver.as_ref().and_then(|receiver| receiver.recv().ok());
        let wait_s = start.elapsed().as_secs_f64();
        let (blocks, state) = message.unwrap_or(Err(DataError::PrefetchEnded))?;
        self.state = state;
        Ok(Served { blocks, wait_s })
    }

    /// Where the loader stood after the blocks that were handed out last, whatever was read ahead since.
    #[must_use]
    pub fn state(&self) -> &LoaderState {
        &self.state
    }
}

fn answer(mut loader: Loader, requests: impl Iterator<Item = usize>, sender: &SyncSender<Message>) {
    for count in requests {
        let answer = loader.next_blocks(count).map(|blocks| (blocks, loader.state()));
        let failed = answer.is_err();
        if sender.send(answer).is_err() || failed {
            return;
        }
    }
}

impl Drop for Prefetch {
    fn drop(&mut self) {
        // The thread's next send fails once the receiver is gone.
        self.receiver = None;
        if let Some(thread) = self.thread.take() {
            // A panic in there has been printed; a second one while dropping would abort.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::dataset;
    use std::sync::Arc;

    fn loader() -> (tempfile::TempDir, Arc<crate::Dataset>, Loader) {
        let (dir, data) = dataset(66);
        let data = Arc::new(data);
        let loader = Loader::new(data.clone(), 5, 4, 2).unwrap();
        (dir, data, loader)
    }

    #[test]
    fn serves_what_the_loader_serves() {
        for depth in [0, 1, 2, 7] {
            let (_dir, _data, mut plain) = loader();
            let requests = [1, 2, 3, 4, 5, 6];
            let mut prefetch = Prefetch::new(plain.clone(), requests, depth).unwrap();
            assert_eq!(*prefetch.state(), plain.state());
            for count in requests {
                let served = prefetch.next_blocks().unwrap();
                assert_eq!(served.blocks, plain.next_blocks(count).unwrap());
                assert_eq!(*prefetch.state(), plain.state());
                assert!(served.wait_s >= 0.0);
            }
            assert!(matches!(prefetch.next_blocks(), Err(DataError::PrefetchEnded)));
        }
    }

    #[test]
    fn an_error_comes_after_what_was_good() {
        let (_dir, _data, plain) = loader();
        let mut prefetch = Prefetch::new(plain, std::iter::repeat(20), 4).unwrap();
        prefetch.next_blocks().unwrap();
        let state = prefetch.state().clone();
        assert!(matches!(
            prefetch.next_blocks(),
            Err(DataError::Exhausted {
                asked: 20,
                left: 12,
                ..
            })
        ));
        assert!(matches!(prefetch.next_blocks(), Err(DataError::PrefetchEnded)));
        assert_eq!(*prefetch.state(), state);
    }

    #[test]
    fn dropping_joins_the_thread() {
        let (_dir, data, plain) = loader();
        drop(Prefetch::new(plain, std::iter::repeat(1), 2).unwrap());
        // The thread held the only other reference.
        assert_eq!(Arc::strong_count(&data), 1);
    }

    #[test]
    fn a_resumed_prefetch_goes_on() {
        let (_dir, _data, plain) = loader();
        let mut prefetch = Prefetch::new(plain.clone(), std::iter::repeat(3), 3).unwrap();
        prefetch.next_blocks().unwrap();
        let resumed = plain.resume(prefetch.state()).unwrap();
        let mut resumed = Prefetch::new(resumed, std::iter::repeat(3), 3).unwrap();
        assert_eq!(
            resumed.next_blocks().unwrap().blocks,
            prefetch.next_blocks().unwrap().blocks
        );
    }
}
