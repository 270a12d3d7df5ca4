//! All children: started, held for the next service, told of when they end, and ended when nobody wants them.

use std::{
    collections::HashMap,
    io,
    os::{
        fd::OwnedFd,
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixListener},
    },
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use fenxi_sockets::WriteHalf;
use nix::sys::signal::Signal;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};
use tokio_util::task::TaskTracker;

use crate::{
    conversation::{Conversation, Listener},
    log::LogTail,
    process::{
        End, Process, Spawned, Spawner, Spec,
        fork_server::{Birth, ForkServer, Ready},
        rights::Listener as NetworkListener,
    },
    protocol::{Ended, Held, Started, Tell, Told},
    room::Common,
};

/// Orders to one child that wait; it takes them at once.
const ORDERS_MAX: usize = 64;
/// Forks that may wait for one server.
const FORKS_MAX: usize = 64;
/// Names that services may have taken.
const NAMES_MAX: usize = 1024;
/// How long a process's own log is waited for, once that is asked for.
const LOG_WAIT: Duration = Duration::from_millis(100);

/// All children.
#[derive(Debug)]
pub(crate) struct House {
    spawner: Spawner,
    children: Mutex<HashMap<u64, Child>>,
    /// One for each child that lives.
    tasks: TaskTracker,
    last_child: AtomicU64,
    /// Room for what kernels say.
    room: Common,
    /// Counts the services that came and went: what one of them asked for is not started for the next.
    reign: AtomicU64,
    /// What has the names that services took.
    names: Mutex<HashMap<String, OwnedFd>>,
    /// The service that is told of ends.
    owner: Mutex<Option<mpsc::Sender<Tell>>>,
}

#[derive(Debug)]
struct Child {
    pid: i32,
    /// By which the next service knows it.
    name: Option<String>,
    orders: mpsc::Sender<(Signal, bool)>,
    log: LogTail,
    ended: Option<Ended>,
    forks: Option<mpsc::Sender<Order>>,
    conversation: Option<Arc<Conversation>>,
    /// Where it is reached from inside its network.
    listener: Option<NetworkListener>,
}

/// What a fork server is asked.
#[derive(Debug)]
enum Order {
    Ready(oneshot::Sender<io::Result<Ready>>),
    Fork { body: Bytes, birth: Birth, done: oneshot::Sender<io::Result<Spawned>> },
}

impl House {
    /// An empty one.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn new() -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            spawner: Spawner::start()?,
            children: Mutex::default(),
            tasks: TaskTracker::new(),
            // Not those of a former supervisor: what is said late of its children must not meet another.
            last_child: AtomicU64::new(u64::from(rand::random::<u32>()) << 24),
            reign: AtomicU64::new(0),
            room: Common::new(),
            names: Mutex::default(),
            owner: Mutex::default(),
        }))
    }

    /// Tells this service of ends from now on, and gives what a former one held.
    pub(crate) fn welcome(&self, owner: mpsc::Sender<Tell>) -> Vec<Held> {
        // Both under one lock, so that no end is told twice or never.
        let mut children = self.children();
        self.reign.fetch_add(1, Ordering::SeqCst);
        children.retain(|_, child| child.name.is_some());
        *self.owner.lock().unwrap_or_else(PoisonError::into_inner) = Some(owner);
        let held = children.iter().filter_map(|(id, child)| {
            let name = child.name.clone()?;
            Some(Held { child: *id, pid: child.pid, name, ended: child.ended })
        });
        held.collect()
    }

    /// The service has gone: what it did not hold ends. Says whether anything is left for the next one.
    pub(crate) fn farewell(&self) -> bool {
        *self.owner.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let mut children = self.children();
        self.reign.fetch_add(1, Ordering::SeqCst);
        children.retain(|_, child| child.name.is_some());
        !children.is_empty()
    }

    /// Which service's time it is.
    pub(crate) fn reign(&self) -> u64 {
        self.reign.load(Ordering::SeqCst)
    }

    /// Ends every child.
    pub(crate) async fn clear(&self) {
        self.children().clear();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Starts a program, in this `reign` or not at all; `forks`: it is a fork server.
    pub(crate) async fn spawn(self: &Arc<Self>, reign: u64, spec: Spec, forks: bool) -> io::Result<Started> {
        if !forks {
            let spawned = self.spawner.spawn(spec).await?;
            return self.adopt(reign, spawned, None);
        }
        let (server, spawned) = ForkServer::start(&self.spawner, spec).await?;
        let (orders, waiting) = mpsc::channel(FORKS_MAX);
        tokio::spawn(serve_forks(server, waiting));
        self.adopt(reign, spawned, Some(orders))
    }

    /// Waits until a fork server takes requests.
    pub(crate) async fn server_ready(&self, server: u64) -> io::Result<Ready> {
        let (done, ready) = oneshot::channel();
        self.order(server, Order::Ready(done)).await?;
        ready.await.map_err(|_| gone())?
    }

    /// Forks a process, in this `reign` or not at all.
    pub(crate) async fn fork(
        self: &Arc<Self>,
        reign: u64,
        server: u64,
        body: Bytes,
        birth: Birth,
    ) -> io::Result<Started> {
        let (done, forked) = oneshot::channel();
        self.order(server, Order::Fork { body, birth, done }).await?;
        let spawned = forked.await.map_err(|_| gone())??;
        self.adopt(reign, spawned, None)
    }

    async fn order(&self, server: u64, order: Order) -> io::Result<()> {
        let orders = self.children().get(&server).and_then(|child| child.forks.clone()).ok_or_else(gone)?;
        orders.send(order).await.map_err(|_| gone())
    }

    fn adopt(
        self: &Arc<Self>,
        reign: u64,
        spawned: Spawned,
        forks: Option<mpsc::Sender<Order>>,
    ) -> io::Result<Started> {
        let id = self.last_child.fetch_add(1, Ordering::Relaxed) + 1;
        let pid = spawned.process.pid().as_raw();
        let (orders, waiting) = mpsc::channel(ORDERS_MAX);
        let (log, listener) = (LogTail::follow(spawned.output), spawned.listener);
        let child = Child { pid, name: None, orders, log, ended: None, forks, conversation: None, listener };
        {
            let mut children = self.children();
            if reign != self.reign() {
                // Dropped, it is ended.
                return Err(gone());
            }
            children.insert(id, child);
        }
        self.tasks.spawn(watch(Arc::clone(self), id, spawned.process, waiting));
        Ok(Started { child: id, pid })
    }

    /// Keeps a child when the service goes. Says whether there is such a child.
    pub(crate) fn hold(&self, id: u64, name: String) -> bool {
        let mut children = self.children();
        let child = children.get_mut(&id);
        let found = child.is_some();
        if let Some(child) = child {
            child.name = Some(name);
        }
        found
    }

    /// Sends a signal to a child's process group, or to it `alone`.
    pub(crate) fn signal(&self, id: u64, signal: Signal, alone: bool) {
        if let Some(child) = self.children().get(&id)
            && child.orders.try_send((signal, alone)).is_err()
        {
            tracing::warn!(child = id, %signal, "a signal was not sent: the child has ended, or too many wait");
        }
    }

    /// What a child itself wrote last, once it writes no more; soon in any case.
    pub(crate) async fn log(&self, id: u64) -> String {
        let Some(mut log) = self.children().get(&id).map(|child| child.log.clone()) else { return String::new() };
        let _ = timeout(LOG_WAIT, log.ended()).await;
        log.text()
    }

    /// Ends a child and forgets it.
    pub(crate) fn release(&self, id: u64) {
        self.children().remove(&id);
    }

    /// Gives the service the exchange with a child; begins it if there is none yet, waiting for its sockets until
    /// `deadline`.
    pub(crate) async fn converse(
        &self,
        id: u64,
        prefix: &Path,
        deadline: Instant,
        listener: Listener,
    ) -> Result<(), (io::Error, WriteHalf)> {
        let known = self.children().get(&id).map(|child| child.conversation.clone());
        let conversation = match known {
            None => return Err((gone(), listener.0)),
            Some(Some(conversation)) => conversation,
            Some(None) => match Conversation::open(prefix, deadline, self.room.clone()).await {
                Ok(conversation) => Arc::new(conversation),
                Err(error) => return Err((error, listener.0)),
            },
        };
        if let Some(child) = self.children().get_mut(&id) {
            child.conversation = Some(Arc::clone(&conversation));
        }
        conversation.attach(listener).await;
        Ok(())
    }

    /// A handle of the socket that listens in a child's network.
    pub(crate) fn listener(&self, id: u64) -> io::Result<OwnedFd> {
        let mut children = self.children();
        let listener = children.get_mut(&id).ok_or_else(gone)?.listener.as_mut();
        listener.ok_or_else(|| io::Error::other("this child was not asked to listen"))?.share()
    }

    /// A handle of the socket that has this name, in the abstract namespace; it is made if nobody has the name.
    pub(crate) fn take_name(&self, name: &str) -> io::Result<OwnedFd> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get(name) {
            return known.try_clone();
        }
        if names.len() >= NAMES_MAX {
            return Err(io::Error::other("too many names were taken"));
        }
        let made = OwnedFd::from(UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?);
        let handle = made.try_clone()?;
        names.insert(name.to_owned(), made);
        Ok(handle)
    }

    async fn ended(&self, ended: Ended) {
        let owner = {
            let mut children = self.children();
            if let Some(child) = children.get_mut(&ended.child) {
                child.ended = Some(ended);
            }
            self.owner.lock().unwrap_or_else(PoisonError::into_inner).clone()
        };
        if let Some(owner) = owner {
            let _ = owner.send(Tell::new(0, Told::Ended(ended))).await;
        }
    }

    fn children(&self) -> MutexGuard<'_, HashMap<u64, Child>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task of a child: signals go to it, and its end is told. Released, it is ended by the drop of its handle.
async fn watch(house: Arc<House>, child: u64, mut process: Process, mut orders: mpsc::Receiver<(Signal, bool)>) {
    let ended = loop {
        tokio::select! {
            biased;
            ended = process.ended() => break ended,
            order = orders.recv() => match order {
                Some((signal, true)) => process.signal_alone(signal),
                Some((signal, false)) => process.signal(signal),
                None => return,
            },
        }
    };
    let told = match ended {
        Ok(ended) => {
            let (number, signalled) = match ended.how {
                End::Exited(code) => (code, false),
                End::Signalled(signal) => (signal, true),
            };
            let cpu_us = u64::try_from(ended.cpu.as_micros()).unwrap_or(u64::MAX);
            Ended { child, number, signalled, cpu_us, peak_bytes: ended.peak_bytes, unknown: false }
        }
        Err(_) => Ended { child, unknown: true, ..Ended::default() },
    };
    house.ended(told).await;
}

/// The task of a fork server: one request after the other. It ends with the server's child entry, and the server with it.
async fn serve_forks(mut server: ForkServer, mut orders: mpsc::Receiver<Order>) {
    while let Some(order) = orders.recv().await {
        match order {
            Order::Ready(done) => {
                let _ = done.send(server.ready().await);
            }
            Order::Fork { body, birth, done } => {
                // Nobody waits if the service went meanwhile: the process ends with its handle.
                let _ = done.send(server.fork(&body, birth).await);
            }
        }
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "there is no such process any more")
}
