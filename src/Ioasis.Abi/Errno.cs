namespace Ioasis.Abi;

/// <summary>
/// Errors of system calls, as on x86-64, arm64 and riscv64 (asm-generic/errno-base.h and asm-generic/errno.h, Linux
/// 7.2). If Linux has two names for a number, only its first name is here: a number has one name.
/// </summary>
public enum Errno
{
    /// <summary>Success.</summary>
    None = 0,
    /// <summary>Not permitted.</summary>
    EPERM = 1,
    /// <summary>No such file, ID or IOVA.</summary>
    ENOENT = 2,
    /// <summary>No such process.</summary>
    ESRCH = 3,
    /// <summary>Interrupted by a signal.</summary>
    EINTR = 4,
    /// <summary>Input or output failed.</summary>
    EIO = 5,
    /// <summary>No such device or address.</summary>
    ENXIO = 6,
    /// <summary>Argument too long; in iommufd: unknown bytes of a structure are not 0.</summary>
    E2BIG = 7,
    /// <summary>Not a program.</summary>
    ENOEXEC = 8,
    /// <summary>Not an open file descriptor, or not open for this.</summary>
    EBADF = 9,
    /// <summary>No child process.</summary>
    ECHILD = 10,
    /// <summary>Try again later; also EWOULDBLOCK.</summary>
    EAGAIN = 11,
    /// <summary>Out of memory.</summary>
    ENOMEM = 12,
    /// <summary>Permission denied.</summary>
    EACCES = 13,
    /// <summary>Bad user address.</summary>
    EFAULT = 14,
    /// <summary>Not a block device.</summary>
    ENOTBLK = 15,
    /// <summary>In use.</summary>
    EBUSY = 16,
    /// <summary>Exists already.</summary>
    EEXIST = 17,
    /// <summary>Across devices.</summary>
    EXDEV = 18,
    /// <summary>No such device, or not for this device.</summary>
    ENODEV = 19,
    /// <summary>Not a directory.</summary>
    ENOTDIR = 20,
    /// <summary>Is a directory.</summary>
    EISDIR = 21,
    /// <summary>A wrong argument.</summary>
    EINVAL = 22,
    /// <summary>Too many open files in the system.</summary>
    ENFILE = 23,
    /// <summary>Too many open files in the process.</summary>
    EMFILE = 24,
    /// <summary>Unknown ioctl.</summary>
    ENOTTY = 25,
    /// <summary>Text file busy: the file is a running program's.</summary>
    ETXTBSY = 26,
    /// <summary>File too large.</summary>
    EFBIG = 27,
    /// <summary>No room left.</summary>
    ENOSPC = 28,
    /// <summary>Not seekable.</summary>
    ESPIPE = 29,
    /// <summary>The pipe has no reader.</summary>
    EROFS = 30,
    /// <summary>Too many links.</summary>
    EMLINK = 31,
    /// <summary>Nobody reads the pipe.</summary>
    EPIPE = 32,
    /// <summary>Outside the domain of a function.</summary>
    EDOM = 33,
    /// <summary>Result out of range.</summary>
    ERANGE = 34,
    /// <summary>Would deadlock; also EDEADLOCK.</summary>
    EDEADLK = 35,
    /// <summary>Name too long.</summary>
    ENAMETOOLONG = 36,
    /// <summary>No locks available.</summary>
    ENOLCK = 37,
    /// <summary>No such system call.</summary>
    ENOSYS = 38,
    /// <summary>Directory not empty.</summary>
    ENOTEMPTY = 39,
    /// <summary>Too many symbolic links.</summary>
    ELOOP = 40,
    /// <summary>No such message, or none now.</summary>
    ENOMSG = 42,
    /// <summary>Identifier removed.</summary>
    EIDRM = 43,
    /// <summary>Channel out of range.</summary>
    ECHRNG = 44,
    /// <summary>Level 2 not synchronized.</summary>
    EL2NSYNC = 45,
    /// <summary>Level 3 halted.</summary>
    EL3HLT = 46,
    /// <summary>Level 3 reset.</summary>
    EL3RST = 47,
    /// <summary>Link number out of range.</summary>
    ELNRNG = 48,
    /// <summary>Protocol driver not attached.</summary>
    EUNATCH = 49,
    /// <summary>No CSI structure.</summary>
    ENOCSI = 50,
    /// <summary>Level 2 halted.</summary>
    EL2HLT = 51,
    /// <summary>Bad exchange.</summary>
    EBADE = 52,
    /// <summary>Bad request descriptor.</summary>
    EBADR = 53,
    /// <summary>Exchange full.</summary>
    EXFULL = 54,
    /// <summary>No anode.</summary>
    ENOANO = 55,
    /// <summary>Bad request code.</summary>
    EBADRQC = 56,
    /// <summary>Bad slot.</summary>
    EBADSLT = 57,
    /// <summary>Bad font file.</summary>
    EBFONT = 59,
    /// <summary>Not a stream.</summary>
    ENOSTR = 60,
    /// <summary>No data.</summary>
    ENODATA = 61,
    /// <summary>Timer expired.</summary>
    ETIME = 62,
    /// <summary>Out of stream resources.</summary>
    ENOSR = 63,
    /// <summary>Not on the network.</summary>
    ENONET = 64,
    /// <summary>Package not installed.</summary>
    ENOPKG = 65,
    /// <summary>Object is remote.</summary>
    EREMOTE = 66,
    /// <summary>Link severed.</summary>
    ENOLINK = 67,
    /// <summary>Advertise error.</summary>
    EADV = 68,
    /// <summary>Srmount error.</summary>
    ESRMNT = 69,
    /// <summary>Sending failed.</summary>
    ECOMM = 70,
    /// <summary>Protocol error.</summary>
    EPROTO = 71,
    /// <summary>Multihop attempted.</summary>
    EMULTIHOP = 72,
    /// <summary>RFS error.</summary>
    EDOTDOT = 73,
    /// <summary>Bad message; also EFSBADCRC.</summary>
    EBADMSG = 74,
    /// <summary>Arithmetic overflowed, or the value does not fit.</summary>
    EOVERFLOW = 75,
    /// <summary>Name not unique.</summary>
    ENOTUNIQ = 76,
    /// <summary>File descriptor in a bad state.</summary>
    EBADFD = 77,
    /// <summary>Remote address changed.</summary>
    EREMCHG = 78,
    /// <summary>A shared library is missing.</summary>
    ELIBACC = 79,
    /// <summary>A shared library is damaged.</summary>
    ELIBBAD = 80,
    /// <summary>A shared library's .lib section is damaged.</summary>
    ELIBSCN = 81,
    /// <summary>Too many shared libraries.</summary>
    ELIBMAX = 82,
    /// <summary>A shared library cannot be run.</summary>
    ELIBEXEC = 83,
    /// <summary>Bad byte sequence.</summary>
    EILSEQ = 84,
    /// <summary>The call should be restarted.</summary>
    ERESTART = 85,
    /// <summary>Stream pipe error.</summary>
    ESTRPIPE = 86,
    /// <summary>Too many users.</summary>
    EUSERS = 87,
    /// <summary>Not a socket.</summary>
    ENOTSOCK = 88,
    /// <summary>No destination address.</summary>
    EDESTADDRREQ = 89,
    /// <summary>Message too long, or the array too short.</summary>
    EMSGSIZE = 90,
    /// <summary>Wrong protocol for the socket.</summary>
    EPROTOTYPE = 91,
    /// <summary>Unknown protocol option.</summary>
    ENOPROTOOPT = 92,
    /// <summary>Unknown protocol.</summary>
    EPROTONOSUPPORT = 93,
    /// <summary>Unknown kind of socket.</summary>
    ESOCKTNOSUPPORT = 94,
    /// <summary>Not supported, for example an unknown flag; also ENOTSUP.</summary>
    EOPNOTSUPP = 95,
    /// <summary>Unknown protocol family.</summary>
    EPFNOSUPPORT = 96,
    /// <summary>Unknown address family.</summary>
    EAFNOSUPPORT = 97,
    /// <summary>Address in use.</summary>
    EADDRINUSE = 98,
    /// <summary>Address not available.</summary>
    EADDRNOTAVAIL = 99,
    /// <summary>Network down.</summary>
    ENETDOWN = 100,
    /// <summary>Network not reachable.</summary>
    ENETUNREACH = 101,
    /// <summary>Connection lost by a network reset.</summary>
    ENETRESET = 102,
    /// <summary>Connection aborted here.</summary>
    ECONNABORTED = 103,
    /// <summary>Connection reset by the peer.</summary>
    ECONNRESET = 104,
    /// <summary>No buffer space.</summary>
    ENOBUFS = 105,
    /// <summary>Connected already.</summary>
    EISCONN = 106,
    /// <summary>Not connected.</summary>
    ENOTCONN = 107,
    /// <summary>The endpoint was shut down.</summary>
    ESHUTDOWN = 108,
    /// <summary>Too many references.</summary>
    ETOOMANYREFS = 109,
    /// <summary>Timed out.</summary>
    ETIMEDOUT = 110,
    /// <summary>Connection refused.</summary>
    ECONNREFUSED = 111,
    /// <summary>Host down.</summary>
    EHOSTDOWN = 112,
    /// <summary>Host not reachable.</summary>
    EHOSTUNREACH = 113,
    /// <summary>Under way already.</summary>
    EALREADY = 114,
    /// <summary>Under way now.</summary>
    EINPROGRESS = 115,
    /// <summary>Stale handle.</summary>
    ESTALE = 116,
    /// <summary>Damaged, needs cleaning; also EFSCORRUPTED.</summary>
    EUCLEAN = 117,
    /// <summary>Not a XENIX named file.</summary>
    ENOTNAM = 118,
    /// <summary>No XENIX semaphores.</summary>
    ENAVAIL = 119,
    /// <summary>A XENIX named file.</summary>
    EISNAM = 120,
    /// <summary>Remote input or output failed.</summary>
    EREMOTEIO = 121,
    /// <summary>Quota exceeded.</summary>
    EDQUOT = 122,
    /// <summary>No medium.</summary>
    ENOMEDIUM = 123,
    /// <summary>Wrong medium.</summary>
    EMEDIUMTYPE = 124,
    /// <summary>Cancelled.</summary>
    ECANCELED = 125,
    /// <summary>No such key.</summary>
    ENOKEY = 126,
    /// <summary>Key expired.</summary>
    EKEYEXPIRED = 127,
    /// <summary>Key revoked.</summary>
    EKEYREVOKED = 128,
    /// <summary>Key rejected.</summary>
    EKEYREJECTED = 129,
    /// <summary>The owner died.</summary>
    EOWNERDEAD = 130,
    /// <summary>State cannot be recovered.</summary>
    ENOTRECOVERABLE = 131,
    /// <summary>Blocked by RF-kill.</summary>
    ERFKILL = 132,
    /// <summary>The page has a hardware error.</summary>
    EHWPOISON = 133,
    /// <summary>Wrong type of file.</summary>
    EFTYPE = 134,
}
