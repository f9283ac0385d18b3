using System.Runtime.InteropServices;
using System.Text;
using Ioasis.Abi;

namespace Ioasis.Linux.Files;

/// <summary>
/// Stream sockets with a path. .NET's own sockets load another assembly on first use, which takes descriptors at that
/// moment.
/// </summary>
internal static unsafe partial class SysSockets
{
    private const int AF_UNIX = 1, SOCK_STREAM = 1, SOCK_CLOEXEC = 0x80000;
    private const int PathSize = 108;

    /// <summary>Makes a socket that listens at a path. Nothing may exist there.</summary>
    public static Errno Listen(string path, out FileDescriptor socket)
    {
        const int Backlog = 64;
        Errno errno = Create(0, out socket);
        // SAFETY: as in Connect.
        if (errno == Errno.None)
            errno = At(path, out Address address, out int size)
                ? LastError.Of(bind(socket, &address, size))
                : Errno.ENAMETOOLONG;
        if (errno == Errno.None) errno = LastError.Of(listen(socket, Backlog));
        if (errno != Errno.None) socket.Dispose();
        return errno;
    }

    /// <summary>
    /// Connects to the socket that listens at a path, without blocking. EAGAIN if its backlog is full, ECONNREFUSED if
    /// nobody listens.
    /// </summary>
    public static Errno Connect(string path, out FileDescriptor socket)
    {
        Errno errno = Create(FcntlH.O_NONBLOCK, out socket);
        // SAFETY: the kernel reads size bytes of the address, which is on our stack.
        if (errno == Errno.None)
            errno = At(path, out Address address, out int size)
                ? LastError.Of(connect(socket, &address, size))
                : Errno.ENAMETOOLONG;
        if (errno != Errno.None) socket.Dispose();
        return errno;
    }

    /// <summary>
    /// Waits for the next connection; its socket does not block. EINVAL if the listener was shut down.
    /// </summary>
    public static Errno Accept(FileDescriptor listener, out FileDescriptor socket)
    {
        // SAFETY: no address is requested. SOCK_NONBLOCK is O_NONBLOCK.
        do socket = new FileDescriptor(accept4(listener, null, null, SOCK_CLOEXEC | FcntlH.O_NONBLOCK));
        while (socket.IsInvalid && LastError.Errno == Errno.EINTR);
        return socket.IsInvalid ? LastError.Errno : Errno.None;
    }

    /// <summary>The effective user of the process that connected, when it did (SO_PEERCRED).</summary>
    public static Errno PeerUser(FileDescriptor socket, out uint user)
    {
        const int SOL_SOCKET = 1, SO_PEERCRED = 17;
        Credentials peer = default;
        int size = sizeof(Credentials);
        // SAFETY: the kernel writes at most size bytes to the struct, which is on our stack.
        Errno errno = LastError.Of(getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size));
        user = peer.User;
        return errno;
    }

    /// <summary>shutdown(2) in both directions. A thread that waits in <see cref="Accept"/> returns.</summary>
    public static void Shutdown(FileDescriptor socket) => _ = shutdown(socket, 2);

    private static Errno Create(int flags, out FileDescriptor file)
    {
        file = new FileDescriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
        return file.IsInvalid ? LastError.Errno : Errno.None;
    }

    private static bool At(string path, out Address address, out int size)
    {
        address = default;
        address.Family = AF_UNIX;
        byte[] bytes = Encoding.UTF8.GetBytes(path);
        size = sizeof(ushort) + bytes.Length + 1;
        if (bytes.Length >= PathSize) return false;
        // SAFETY: the path and its NUL fit (checked above); the rest is zero.
        bytes.CopyTo(MemoryMarshal.CreateSpan(ref address.Path[0], PathSize));
        return true;
    }

    /// <summary>struct sockaddr_un.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Address
    {
        public ushort Family;
        public fixed byte Path[PathSize];
    }

    /// <summary>struct ucred.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Credentials
    {
        public int Process;
        public uint User;
        public uint Group;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getsockopt(FileDescriptor socket, int level, int name, void* value, int* size);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int domain, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(FileDescriptor socket, Address* address, int size);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int listen(FileDescriptor socket, int backlog);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int connect(FileDescriptor socket, Address* address, int size);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int accept4(FileDescriptor socket, void* address, int* size, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int shutdown(FileDescriptor socket, int how);
}
