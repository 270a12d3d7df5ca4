//! The service's own connection: what it asks for is done in a task each, and it is told of every end.

use std::{ffi::OsString, fs::File, io, os::unix::ffi::OsStringExt as _, sync::Arc};

use bytes::Bytes;
use fenxi_sockets::WriteHalf;
use tokio::sync::mpsc;

use crate::{
    frames::{Frames, frame},
    house::House,
    process::{Limits, Spec, fork_server::Birth},
    protocol::{Ask, Asked, Failed, Fork, Hello, ServerReady, Spawn, Tell, Told, VERSION, Welcome},
};

/// Answers that wait to be sent.
const TELLS_MAX: usize = 1024;

/// Serves a service until it goes.
pub(crate) async fn serve(house: &Arc<House>, stream: WriteHalf, mut frames: Frames, id: u64, hello: &Hello) {
    let (tells, waiting) = mpsc::channel(TELLS_MAX);
    // Whoever speaks another version is told so, and leaves.
    let held = if hello.version == VERSION { house.welcome(tells.clone()) } else { Vec::new() };
    let _ = tells.send(Tell::new(id, Told::Welcome(Welcome { version: VERSION, held }))).await;
    let reign = house.reign();
    let writing = tokio::spawn(answer(stream, waiting));
    while let Ok(Some(Ask { id, asked })) = frames.next().await {
        let Some(asked) = asked else { continue };
        match asked {
            Asked::Signal(signal) => match nix::sys::signal::Signal::try_from(signal.signal) {
                Ok(number) => house.signal(signal.child, number, signal.alone),
                Err(_) => tracing::warn!(signal = signal.signal, "there is no such signal"),
            },
            Asked::Release(child) => house.release(child),
            Asked::Hold(hold) => {
                let held = house.hold(hold.child, hold.name);
                let _ = tells.send(Tell::new(id, Told::Done(held))).await;
            }
            asked => {
                let (house, tells) = (Arc::clone(house), tells.clone());
                tokio::spawn(async move {
                    let told = carry_out(&house, reign, asked).await;
                    let told = told.unwrap_or_else(|error| Told::Failed(Failed::of(&error)));
                    let _ = tells.send(Tell::new(id, told)).await;
                });
            }
        }
    }
    writing.abort();
}

async fn carry_out(house: &Arc<House>, reign: u64, asked: Asked) -> io::Result<Told> {
    Ok(match asked {
        Asked::Spawn(spawn) => {
            let forks = spawn.forks;
            Told::Started(house.spawn(reign, spec(spawn), forks).await?)
        }
        Asked::AwaitServer(server) => {
            let ready = house.server_ready(server).await?;
            Told::ServerReady(ServerReady {
                clone: ready.clone,
                preload_ms: ready.preload_ms,
                modules: ready.modules,
                mode: ready.mode,
            })
        }
        Asked::Fork(Fork { server, body, flags, group, listens }) => {
            let group = if group.is_empty() { None } else { Some(File::open(group)?.into()) };
            Told::Started(house.fork(reign, server, body, Birth { flags, group, listens }).await?)
        }
        Asked::ReadLog(child) => Told::Log(house.log(child).await),
        _ => return Err(io::Error::other("this is nothing to be asked here")),
    })
}

async fn answer(stream: WriteHalf, mut waiting: mpsc::Receiver<Tell>) {
    while let Some(tell) = waiting.recv().await {
        if stream.write(&frame(&tell)).await.is_err() {
            return;
        }
    }
}

fn spec(spawn: Spawn) -> Spec {
    let text = |bytes: Bytes| OsString::from_vec(bytes.into());
    Spec {
        program: text(spawn.program).into(),
        args: spawn.args.into_iter().map(text).collect(),
        env: spawn.env.into_iter().map(|variable| (text(variable.name), text(variable.value))).collect(),
        work_dir: text(spawn.work_dir).into(),
        limits: Limits { data_bytes: spawn.data_bytes, open_files: spawn.open_files, file_bytes: spawn.file_bytes },
        kept: None,
    }
}
