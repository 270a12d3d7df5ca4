//! KernelFileService from outside: what code wrote, live and dead, and for nobody else.

use fenxi_proto::{
    analysis::v1::{
        DeleteKernelRequest, KernelFileKind, ListKernelFilesRequest, ListKernelFilesResponse, ReadKernelFileRequest,
        RestartKernelRequest,
    },
    error::{ErrorReason, reason_of},
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::house::{House, User, id, soon};

const WRITE: &str = "
import os
os.makedirs('结果')
open('结果/out.csv', 'w').write('编号,value\\n001,1\\n')
open('large', 'wb').write(bytes(range(256)) * 3000)
os.symlink('/etc/hosts', 'link')
os.mkfifo('pipe')
";

async fn list(user: &User, kernel_id: &str, path: &str) -> Result<ListKernelFilesResponse, Status> {
    let request = ListKernelFilesRequest { kernel_id: kernel_id.into(), path: path.into() };
    soon(user.files.clone().list_kernel_files(request)).await.map(tonic::Response::into_inner)
}

/// The size that was told, and the bytes that came.
async fn read(user: &User, kernel_id: &str, path: &str, offset: i64) -> Result<(i64, Vec<u8>), Status> {
    let request = ReadKernelFileRequest { kernel_id: kernel_id.into(), path: path.into(), offset };
    let mut stream = soon(user.files.clone().read_kernel_file(request)).await?.into_inner();
    let size_bytes = soon(stream.message()).await?.expect("the size").size_bytes;
    let mut bytes = Vec::new();
    while let Some(piece) = soon(stream.message()).await? {
        assert!(piece.data.len() <= 256 << 10 && piece.size_bytes == 0);
        bytes.extend(piece.data);
    }
    Ok((size_bytes, bytes))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_code_wrote_is_listed_and_read_also_when_its_kernel_is_dead() {
    let mut house = House::start().await;
    let user = house.user();
    let kernel_id = user.kernel().await;
    user.run(&kernel_id, WRITE).await;
    let listing = list(&user, &kernel_id, "").await.expect("a list");
    let brief: Vec<_> = listing.files.iter().map(|file| (file.name.as_str(), file.kind(), file.size_bytes)).collect();
    let expected = [
        ("large", KernelFileKind::File, 768_000),
        ("link", KernelFileKind::Other, 0),
        ("pipe", KernelFileKind::Other, 0),
        ("结果", KernelFileKind::Folder, 0),
    ];
    assert_eq!((brief.as_slice(), listing.more), (expected.as_slice(), false));
    assert_eq!(list(&user, &kernel_id, "结果").await.expect("a list").files[0].name, "out.csv");
    let table = "编号,value\n001,1\n".as_bytes().to_vec();
    assert_eq!(read(&user, &kernel_id, "结果/out.csv", 0).await.expect("read"), (19, table.clone()));
    let large: Vec<u8> = (0..=255).cycle().take(768_000).collect();
    assert_eq!(read(&user, &kernel_id, "large", 0).await.expect("read"), (768_000, large.clone()));
    assert_eq!(read(&user, &kernel_id, "large", 700_001).await.expect("read"), (768_000, large[700_001..].to_vec()));

    house.stop().await;
    house.start_again().await;
    let user = house.user_called(user.user_id);
    assert!(user.get(&kernel_id).await.death.is_some());
    assert_eq!(read(&user, &kernel_id, "结果/out.csv", 0).await.expect("read of a dead one").1, table);
    let restart = RestartKernelRequest { kernel_id: kernel_id.clone(), request_id: id() };
    soon(user.kernels.clone().restart_kernel(restart)).await.expect("restarted");
    user.run(&kernel_id, "open('结果/out.csv', 'a').write('002,2')").await;
    assert_eq!(read(&user, &kernel_id, "结果/out.csv", 19).await.expect("read"), (24, b"002,2".to_vec()));
    let delete = DeleteKernelRequest { kernel_id: kernel_id.clone(), request_id: id() };
    soon(user.kernels.clone().delete_kernel(delete)).await.expect("deleted");
    assert_eq!(list(&user, &kernel_id, "").await.expect_err("gone").code(), Code::NotFound);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_kernels_files_are_unknown_and_bad_paths_are_named() {
    let mut house = House::start().await;
    let (user, other) = (house.user(), house.user());
    let kernel_id = user.kernel().await;
    user.run(&kernel_id, WRITE).await;
    let unknown = list(&other, &id(), "").await.expect_err("unknown");
    for path in ["", "large", "none"] {
        for status in [
            list(&other, &kernel_id, path).await.expect_err("foreign"),
            read(&other, &kernel_id, path, 0).await.expect_err("foreign"),
        ] {
            assert_eq!((status.code(), status.message()), (Code::NotFound, unknown.message()));
            assert_eq!(status.details(), unknown.details());
        }
    }
    for (path, offset, reason, field) in [
        ("link", 0, ErrorReason::NotFound, "path"),
        ("pipe", 0, ErrorReason::NotFound, "path"),
        ("结果", 0, ErrorReason::NotFound, "path"),
        ("../secret", 0, ErrorReason::InvalidField, "path"),
        ("/etc/passwd", 0, ErrorReason::InvalidField, "path"),
        ("large", -1, ErrorReason::InvalidField, "offset"),
    ] {
        let status = read(&user, &kernel_id, path, offset).await.expect_err(path);
        assert_eq!(reason_of(&status), Some(reason), "{path}: {status}");
        let blamed = status.get_details_bad_request().expect("a field").field_violations;
        assert_eq!(blamed[0].field, field, "{path}");
    }
    house.stop().await;
}
