//! What `ps` shows of a process.

use std::ffi::{CStr, CString, OsStr, c_char};
use std::os::unix::ffi::OsStrExt;

use crate::limits::MAX_TITLE;
use crate::process::is_single_threaded;

unsafe extern "C" {
    /// Where the C library keeps the environment: a list that ends with null, or null.
    static mut environ: *mut *mut c_char;
    /// The first argument, where the kernel left it.
    static program_invocation_name: *mut c_char;
}

/// The memory that the kernel shows as the command line: the arguments, and behind them the environment, which has moved away.
///
/// Made once, at the start of `main`; while a process has several threads nothing there is changed, because others may read it.
#[derive(Debug)]
pub struct Title {
    area: &'static mut [u8],
}

impl Title {
    /// Takes the memory over. `None` when it was taken before, when there are several threads, or when the arguments are not where
    /// they are expected; the title then stays what it is.
    ///
    /// The name of the process, by which `pidof` and `pgrep` find it, becomes that of the program as the first argument tells it, for
    /// good: of a program that was executed by its descriptor some kernels make that a number.
    ///
    /// Ask for the arguments ([`std::env::args_os`]) before the first [`set`](Self::set): they are overwritten.
    #[must_use]
    pub fn claim() -> Option<Self> {
        static CLAIMED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
        if is_single_threaded() != Some(true) || CLAIMED.swap(true, std::sync::atomic::Ordering::SeqCst) {
            return None;
        }
        name_process();
        // SAFETY: the C library set it before `main`, and nothing writes it.
        let start = unsafe { program_invocation_name };
        let mut end: *const c_char = start;
        for argument in std::env::args_os() {
            end = behind(end, &argument)?;
        }
        end = move_environment(end);
        let len = (end.addr()).checked_sub(start.addr()).filter(|len| *len > 1)?;
        // SAFETY: from `start` on lie the arguments, one behind the other, as just compared, and then what was the environment, to
        // which nothing points any more. The process has one thread, and claims it once. (The arguments' list still points here: see
        // `set` for why nobody reads through it meanwhile.)
        let area = unsafe { std::slice::from_raw_parts_mut(start.cast::<u8>(), len) };
        Some(Self { area })
    }

    /// Shows `text` as the command line, cut to the room there is. A NUL ends it. Nothing changes when there are several threads by
    /// now.
    pub fn set(&mut self, text: &str) {
        let text = text.split('\0').next().unwrap_or_default().as_bytes();
        if is_single_threaded() != Some(true) {
            return;
        }
        // The kernel shows the arguments up to the first NUL when the last byte of the arguments' part is no NUL, and all of that
        // part else: so with a short text every byte behind it is NUL, and `ps` shows nothing more.
        let room = self.area.len() - 1;
        let text = text.get(..room.min(MAX_TITLE).min(text.len())).unwrap_or_default();
        self.area.fill(0);
        for (to, from) in self.area.iter_mut().zip(text) {
            *to = *from;
        }
    }
}

/// Names the process after the file name that the first argument tells, without what a colon sets off, cut to 15 bytes.
fn name_process() {
    let Some(program) = std::env::args_os().next() else { return };
    let file = program.as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let text = file.split(|byte| *byte == b':').next().unwrap_or_default();
    if text.is_empty() {
        return;
    }
    let mut name = [0_u8; 16];
    for (to, from) in name.iter_mut().take(15).zip(text) {
        *to = *from;
    }
    // SAFETY: the name is live and terminated within its 16 bytes.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

/// The place behind `expected` and its NUL, when that is what stands at `at`.
fn behind(at: *const c_char, expected: &OsStr) -> Option<*const c_char> {
    if at.is_null() {
        return None;
    }
    // SAFETY: `at` is where the kernel left an argument or a string of the environment, or the terminated file name behind them.
    let found = unsafe { CStr::from_ptr(at) };
    (found.to_bytes() == expected.as_bytes()).then(|| at.wrapping_add(found.to_bytes_with_nul().len()))
}

/// Points the environment to copies of its strings, of those that follow one another from `end` on. Tells where the last one ended.
fn move_environment(mut end: *const c_char) -> *const c_char {
    // SAFETY: a copy of the pointer; one thread, so nobody changes it.
    let list = unsafe { environ };
    if list.is_null() {
        return end;
    }
    for index in 0.. {
        let place = list.wrapping_add(index);
        // SAFETY: the list ends with null, at which the loop ends too.
        let string = unsafe { *place };
        if string.is_null() {
            break;
        }
        if !std::ptr::eq(string, end) {
            break;
        }
        // SAFETY: the strings of the environment are terminated.
        let copy: CString = unsafe { CStr::from_ptr(string) }.to_owned();
        end = end.wrapping_add(copy.as_bytes_with_nul().len());
        // SAFETY: the place holds a pointer of the list; one thread, so nobody reads it now. The copy is never freed.
        unsafe { *place = copy.into_raw() };
    }
    end
}
