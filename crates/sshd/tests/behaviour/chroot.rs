//! `ChrootDirectory`, seen by stock `ssh`. The directory is below `/run`, which only root can change.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use crate::alone::busybox;
use crate::harness::{Need, Server, Setup, can, copy_program, world};

/// A tree with a static shell, gone at the end.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(format!("/run/nacre-{name}-{}", std::process::id()));
        for directory in ["", "bin", "dev"] {
            fs::create_dir_all(path.join(directory)).unwrap();
            fs::set_permissions(path.join(directory), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let tree = Self(path);
        let shell = world().account.shell.trim_start_matches('/').to_owned();
        tree.directory(Path::new(&shell).parent().unwrap());
        copy_program(&busybox(), &tree.0.join("bin/busybox"));
        // The account's shell under its own name: busybox is what it is called, and knows bash as sh.
        copy_program(&busybox(), &tree.0.join("bin/sh"));
        if shell != "bin/sh" {
            fs::write(tree.0.join("shell.text"), "#!/bin/sh\nexec /bin/busybox sh \"$@\"\n").unwrap();
            copy_program(&tree.0.join("shell.text"), &tree.0.join(&shell));
        }
        tree
    }

    fn directory(&self, path: &Path) {
        fs::create_dir_all(self.0.join(path.strip_prefix("/").unwrap_or(path))).unwrap();
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_session_lives_in_the_tree_from_its_home_on() {
    if !can(&[Need::Root]) {
        return;
    }
    let tree = Tree::new("tree");
    let account = &world().account;
    let server = Server::with(&format!("LogLevel VERBOSE\nChrootDirectory {}", tree.0.display()));
    let ask = "echo $(pwd) $(busybox id -u) $(cd /; echo *)";
    let at = |home: &str| format!("{home} {} {}", account.uid, top(&tree));
    let without_home = server.run(&[ask]);
    assert_eq!(without_home.success(), at("/"), "there is no home inside");
    assert!(!without_home.stderr.contains("chdir"), "{}", without_home.stderr);
    server.logs(&format!("Changed root directory to \"{}\"", tree.0.display()));
    tree.directory(&account.home);
    assert_eq!(server.run(&[ask]).success(), at(&account.home.display().to_string()));
}

/// What is at the top of the tree.
fn top(tree: &Tree) -> String {
    let entries = fs::read_dir(&tree.0).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names.join(" ")
}

#[test]
fn a_tree_that_others_could_change_is_refused_in_openssh_s_words() {
    if !can(&[Need::Root]) {
        return;
    }
    let tree = Tree::new("refused");
    let path = |name: &str| tree.0.join(name).display().to_string();
    for name in ["open/in", "owned"] {
        tree.directory(Path::new(name));
    }
    fs::set_permissions(path("open"), fs::Permissions::from_mode(0o775)).unwrap();
    chown(path("owned"), Some(world().account.uid), None).unwrap();
    fs::write(path("file"), "").unwrap();
    let modes = "bad ownership or modes for chroot directory";
    for (directory, said) in [
        (path("open"), format!("{modes} \"{}\"", path("open"))),
        (path("open/in"), format!("{modes} component \"{}/\"", path("open"))),
        (path("owned"), format!("{modes} \"{}\"", path("owned"))),
        (path("file"), format!("chroot path \"{}\" is not a directory", path("file"))),
        (path("none"), format!("safely_chroot: stat(\"{}\"): No such file or directory", path("none"))),
        (path("%u"), format!("safely_chroot: stat(\"{}\")", path(&world().account.name))),
        ("relative".into(), "chroot path does not begin at root".into()),
    ] {
        let server = Server::with(&format!("ChrootDirectory {directory}"));
        let outcome = server.run(&["echo in"]);
        assert_eq!((outcome.code, outcome.text().as_str()), (Some(255), ""), "{directory}");
        server.logs(&said);
        server.falls_silent();
    }
}

#[test]
fn none_in_a_block_undoes_it() {
    if !can(&[Need::Root]) {
        return;
    }
    let server = Server::with(&format!(
        "ChrootDirectory /nonexistent\nMatch User {}\nChrootDirectory none",
        world().account.name
    ));
    assert_eq!(server.run(&["echo in"]).success(), "in");
}

#[test]
fn an_ordinary_user_cannot_give_a_root_and_so_lets_nobody_in() {
    let account = &world().account;
    let (uid, gid) = (account.uid.to_string(), account.gid.to_string());
    let mut setup = Setup::new().config("ChrootDirectory /");
    if world().root {
        if world().other {
            return; // The wrapper of another server needs root itself.
        }
        let host = world().key("host").with_file_name("host-of-chroot");
        fs::copy(world().key("host"), &host).unwrap();
        chown(&host, Some(account.uid), Some(account.gid)).unwrap();
        setup = setup
            .under(&["setpriv", "--reuid", &uid, "--regid", &gid, "--clear-groups", "--"])
            .argument(&format!("-oHostKey={}", host.display()));
    }
    let server = setup.start();
    assert_eq!(server.run(&["echo in"]).code, Some(255));
    server.logs("server lacks privileges to chroot to ChrootDirectory");
}
