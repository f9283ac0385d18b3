using System.Runtime.InteropServices;
using Ioasis.Abi;

namespace Ioasis.Linux.Files;

/// <summary>Messages that carry an open file from one process to another (unix(7), SCM_RIGHTS).</summary>
internal static unsafe partial class SysMessages
{
    private const int SOL_SOCKET = 1, SCM_RIGHTS = 1;
    private const int MSG_CMSG_CLOEXEC = 0x40000000;

    /// <summary>
    /// Receives bytes, and the descriptor that came with them, closed on exec. Returns how many bytes came; 0 if the
    /// other side is gone.
    /// </summary>
    /// <param name="socket">The socket.</param>
    /// <param name="bytes">Where the bytes go.</param>
    /// <param name="file">The descriptor; null if none came.</param>
    public static SysResult ReceiveFile(FileDescriptor socket, Span<byte> bytes, out FileDescriptor? file)
    {
        file = null;
        // SAFETY: the kernel writes at most as many bytes as the lengths say; all of it is pinned or on our stack.
        fixed (byte* first = bytes)
        {
            var part = new Part { Base = first, Length = (nuint)bytes.Length };
            Rights rights = default;
            var message = new Message
            {
                Parts = &part,
                PartCount = 1,
                Control = &rights,
                ControlLength = (nuint)sizeof(Rights),
            };
            nint got;
            do got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
            while (got < 0 && LastError.Errno == Errno.EINTR);
            if (got >= 0 && message.ControlLength >= RightsLength
                && rights is { Length: >= RightsLength, Level: SOL_SOCKET, Type: SCM_RIGHTS })
                file = new FileDescriptor(rights.File);
            return LastError.Result(got);
        }
    }

    private const int RightsLength = 20; // CMSG_LEN(sizeof(int))

    /// <summary>struct iovec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Part
    {
        public byte* Base;
        public nuint Length;
    }

    /// <summary>struct cmsghdr with one descriptor, as long as CMSG_SPACE says.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 24)]
    private struct Rights
    {
        public nuint Length;
        public int Level;
        public int Type;
        public int File;
    }

    /// <summary>struct msghdr.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Message
    {
        public void* Name;
        public uint NameLength;
        public Part* Parts;
        public nuint PartCount;
        public Rights* Control;
        public nuint ControlLength;
        public int Flags;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recvmsg(FileDescriptor socket, Message* message, int flags);
}
