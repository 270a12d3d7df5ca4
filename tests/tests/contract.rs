//! Rules of the contract that no linter knows: what changes something can be asked for again.

use prost::Message as _;
use prost_types::FileDescriptorSet;

/// How the names of RPCs begin that change nothing.
const READS: [&str; 8] =
    ["Get", "List", "Watch", "Preview", "InspectCode", "CompleteCode", "Read", "ResolveCredential"];
/// Those that change something and are repeated by something else than a `request_id`.
const BY_OTHER_MEANS: [(&str, &str); 7] = [
    ("SetUpAdministrator", "its token works once"),
    ("BeginLogin", "one that is begun twice is two, and ends by itself"),
    ("CompleteLogin", "the provider's code works once"),
    ("LoginWithPassword", "a LoginSession that nobody got ends by itself"),
    ("Logout", "who is signed out is signed out"),
    ("RecordHistory", "by the execution's id"),
    ("WriteUpload", "by the offset"),
];

#[test]
fn whatever_changes_something_can_be_asked_for_again() -> anyhow::Result<()> {
    let set = FileDescriptorSet::decode(fenxi_proto::FILE_DESCRIPTOR_SET)?;
    let ours = set.file.iter().filter(|file| file.package().starts_with("fenxi."));
    let (mut wrong, mut others) = (Vec::new(), Vec::new());
    for method in ours.flat_map(|file| &file.service).flat_map(|service| &service.method) {
        let messages = || {
            set.file.iter().flat_map(|file| {
                file.message_type
                    .iter()
                    .map(move |message| (format!(".{}.{}", file.package(), message.name()), message))
            })
        };
        let request = messages().find(|(name, _)| name == method.input_type()).map(|(_, message)| message);
        let repeats = request.is_some_and(|request| request.field.iter().any(|field| field.name() == "request_id"));
        if READS.iter().any(|read| method.name().starts_with(read)) {
            continue;
        }
        match BY_OTHER_MEANS.iter().find(|(name, _)| *name == method.name()) {
            Some((name, _)) if !repeats => others.push(*name),
            _ if repeats => {}
            _ => wrong.push(method.name().to_owned()),
        }
    }
    anyhow::ensure!(wrong.is_empty(), "{wrong:?} change something, and their requests have no request_id");
    anyhow::ensure!(
        others.len() == BY_OTHER_MEANS.len(),
        "some of these are no more, or have a request_id: {others:?}"
    );
    Ok(())
}
