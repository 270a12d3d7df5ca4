//! Networks of kernels, granted and not: what code in them reaches of the machine, and through whom.

use std::net::SocketAddr;

use fenxi_chassis::caller::token::Role;
use fenxi_proto::analysis::v1::{
    CreateNetworkGrantRequest, DeleteNetworkGrantRequest, GetKernelRequest, Kernel, ListNetworkGrantsRequest,
    RestartKernelRequest,
};
use nix::sys::signal::Signal;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tonic::Code;

use crate::{
    house::{User, id, texts},
    machine::Machine,
};

/// What code in a kernel tries: by what libraries do by themselves, and past that.
const CODE: &str = "
import os, socket, urllib.request

def get(url):
    try:
        return urllib.request.urlopen(url, timeout=20).read().decode()
    except urllib.error.HTTPError as error:
        return f'{error.code} {error.reason}'
    except OSError as error:
        return type(error.reason).__name__

def straight(host, port):
    try:
        socket.create_connection((host, port), 20)
        return 'connected'
    except OSError as error:
        return type(error).__name__
";

/// A web server on an address of the machine's own, which says so.
async fn server(address: &str) -> SocketAddr {
    let listener = TcpListener::bind((address, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { break };
                head.push(byte);
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nmachine").await;
        }
    });
    address
}

/// Whether this machine gives a net namespace to who asks for one: found out without anything of ours.
async fn gives_net_namespaces() -> bool {
    for with in [&["--net"][..], &["--user", "--map-root-user", "--net"]] {
        let asked = tokio::process::Command::new("unshare").args(with).arg("true").status().await;
        if asked.expect("unshare(1), to find it out").success() {
            return true;
        }
    }
    false
}

async fn printed(user: &User, kernel_id: &str, expression: &str) -> String {
    let (_, events) = user.run(kernel_id, &format!("{CODE}\nprint({expression})")).await;
    texts(&events).trim().to_owned()
}

async fn kernel(user: &User, kernel_id: &str) -> Kernel {
    let request = GetKernelRequest { kernel_id: kernel_id.into() };
    user.kernels.clone().get_kernel(request).await.expect("there").into_inner().kernel.expect("a kernel")
}

#[tokio::test]
async fn a_kernel_reaches_what_is_granted_and_nothing_else() {
    // Not of 127.0.0.1, which is the kernel's own and never asked of a proxy.
    let (granted, other) = (server("127.0.0.2").await, server("127.0.0.3").await);
    let mut machine = Machine::start_with("fork").await;
    let user = machine.auth.user(&machine.url, machine.user_id);
    let request = CreateNetworkGrantRequest {
        user_id: machine.user_id.to_string(),
        entries: vec![format!("127.0.0.2/32:{}", granted.port())],
        request_id: id(),
        ..CreateNetworkGrantRequest::default()
    };
    let refused = machine.auth.grants(&machine.url, Role::Member).create_network_grant(request.clone()).await;
    assert_eq!(refused.expect_err("for administrators").code(), Code::PermissionDenied);
    let made = machine.auth.grants(&machine.url, Role::Administrator).create_network_grant(request).await;
    let grant = match made {
        Err(refused) if refused.code() == Code::FailedPrecondition => {
            // No kernel can have a network here, and it is said so.
            assert!(!gives_net_namespaces().await, "this machine gives net namespaces, and yet: {refused:?}");
            return assert!(refused.message().contains("net namespace"), "{refused:?}");
        }
        made => made.expect("granted").into_inner().grant.expect("a grant"),
    };
    let entries = vec![granted.to_string()];
    assert_eq!(grant.entries, entries);

    let kernel_id = user.kernel().await;
    let (near, far) = (format!("get('http://{granted}/')"), format!("get('http://{other}/')"));
    assert_eq!(printed(&user, &kernel_id, &near).await, "machine");
    let words = format!("403 {other} is not granted to this kernel; ask an administrator of Fenxi to grant it");
    assert_eq!(printed(&user, &kernel_id, &far).await, words);
    let straight = format!("straight('127.0.0.2', {}), straight('192.0.2.1', 443)", granted.port());
    assert_eq!(printed(&user, &kernel_id, &straight).await, "ConnectionRefusedError OSError");
    let shown = kernel(&user, &kernel_id).await;
    assert_eq!(shown.network.expect("a network").entries, entries);
    assert!(shown.isolation.expect("layers").layers.iter().any(|layer| layer == "net"));

    // Nobody else has any of it.
    let stranger = machine.auth.user(&machine.url, id().parse().expect("an id"));
    let foreign_id = stranger.kernel().await;
    let without = format!("{near}, sorted(name for name in os.environ if 'proxy' in name.lower())");
    assert_eq!(printed(&stranger, &foreign_id, &without).await, "ConnectionRefusedError []");
    assert_eq!(kernel(&stranger, &foreign_id).await.network, None);

    // The next service takes the proxy up with the kernel.
    machine.replace(Signal::SIGKILL).await;
    let user = machine.auth.user(&machine.url, machine.user_id);
    assert_eq!(printed(&user, &kernel_id, &near).await, "machine");
    assert_eq!(printed(&user, &kernel_id, &far).await, words);

    // Taken back, it is gone at once; and with the next process the proxy is, too.
    let mut grants = machine.auth.grants(&machine.url, Role::Administrator);
    let listed = grants.list_network_grants(ListNetworkGrantsRequest::default()).await.expect("a list").into_inner();
    assert_eq!(listed.grants, std::slice::from_ref(&grant));
    let delete = DeleteNetworkGrantRequest { grant_id: grant.grant_id, request_id: id() };
    grants.delete_network_grant(delete).await.expect("deleted");
    assert!(printed(&user, &kernel_id, &near).await.starts_with("403 "));
    assert_eq!(kernel(&user, &kernel_id).await.network.expect("a proxy still").entries, Vec::<String>::new());
    let restart = RestartKernelRequest { kernel_id: kernel_id.clone(), request_id: id() };
    user.kernels.clone().restart_kernel(restart).await.expect("restarted");
    assert_eq!(printed(&user, &kernel_id, &without).await, "ConnectionRefusedError []");
    assert_eq!(kernel(&user, &kernel_id).await.network, None);
}
