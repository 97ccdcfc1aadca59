//! Functions of the C library that a small static program is better off without.
//!
//! The program never asks for what they do, but the C library does for itself, and each brings a whole part of it along:
//! formatted and wide output, conversion of character sets, message catalogues and the dynamic linker, a seventh of the
//! file. A definition here comes before the library's own, which is then left out. Only programs of ours have it (feature
//! `lean`), never one that embeds this crate.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr;

/// Tells that nobody knows where a thread's stack ends.
///
/// The standard library asks at the start of every program, for the sake of the message of a stack overflow. The answer is in
/// `/proc/self/maps`, which takes longer to read than all else that happens before `main`. Without it an overflow still
/// hits the guard page, and ends the program by SIGSEGV without that message.
#[unsafe(no_mangle)]
extern "C" fn pthread_getattr_np(_thread: libc::pthread_t, _attributes: *mut libc::pthread_attr_t) -> c_int {
    libc::ENOSYS
}

/// Tells that an assertion of the C library does not hold, and ends the program.
#[unsafe(no_mangle)]
extern "C" fn __assert_fail(
    _assertion: *const c_char,
    _file: *const c_char,
    _line: c_uint,
    _function: *const c_char,
) -> ! {
    let text = b"an assertion of the C library failed\n";
    // SAFETY: the text is live for as long as the call takes; what becomes of it does not matter any more.
    unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
    std::process::abort()
}

/// Gives a message back as it is: this program speaks the C locale's language.
#[unsafe(no_mangle)]
extern "C" fn __dcgettext(_domain: *const c_char, message: *const c_char, _category: c_int) -> *const c_char {
    message
}

/// The name of [`__dcgettext`] in C.
#[unsafe(no_mangle)]
extern "C" fn dcgettext(_domain: *const c_char, message: *const c_char, _category: c_int) -> *const c_char {
    message
}

/// Finds no function by its name: there is nothing to look in.
#[unsafe(no_mangle)]
extern "C" fn dlsym(_handle: *mut c_void, _name: *const c_char) -> *mut c_void {
    ptr::null_mut()
}

/// Leaves a thread without a name of its own.
#[unsafe(no_mangle)]
extern "C" fn pthread_setname_np(_thread: libc::pthread_t, _name: *const c_char) -> c_int {
    0
}

/// Prints nothing. The library's own memory statistics would be the only ones to call it.
#[unsafe(no_mangle)]
extern "C" fn fprintf(_stream: *mut libc::FILE, _format: *const c_char) -> c_int {
    0
}

/// Writes the text of an error number, as the POSIX function of this name does, without looking for a translation.
#[unsafe(no_mangle)]
extern "C" fn __xpg_strerror_r(number: c_int, buffer: *mut c_char, len: usize) -> c_int {
    unsafe extern "C" {
        fn strerrordesc_np(number: c_int) -> *const c_char;
    }
    // SAFETY: takes any number.
    let known = unsafe { strerrordesc_np(number) };
    let unknown;
    let text = if known.is_null() {
        unknown = format!("Unknown error {number}");
        unknown.as_bytes()
    } else {
        // SAFETY: not null, so a static string of the C library's.
        unsafe { CStr::from_ptr(known) }.to_bytes()
    };
    if buffer.is_null() || len == 0 {
        return libc::ERANGE;
    }
    let copied = text.len().min(len.saturating_sub(1));
    // SAFETY: the caller gives `len` writable bytes, and `copied` is below that; `text` has as many.
    unsafe { ptr::copy_nonoverlapping(text.as_ptr().cast(), buffer, copied) };
    // SAFETY: below `len`, as `copied` is.
    let end = unsafe { buffer.add(copied) };
    // SAFETY: the same.
    unsafe { end.write(0) };
    if copied < text.len() { libc::ERANGE } else { 0 }
}

#[cfg(test)]
mod tests {
    use std::io;

    #[test]
    fn errors_have_the_texts_that_everybody_knows() {
        let text = |number: i32| io::Error::from_raw_os_error(number).to_string();
        assert_eq!(text(libc::ENOENT), "No such file or directory (os error 2)");
        assert_eq!(text(libc::EADDRINUSE), "Address already in use (os error 98)");
        assert_eq!(text(4000), "Unknown error 4000 (os error 4000)");
    }

    #[test]
    fn a_thread_starts_without_anybody_knowing_its_stack() {
        let named = std::thread::Builder::new().name("lean".into());
        assert_eq!(named.spawn(|| 7).unwrap().join().unwrap(), 7);
    }
}
