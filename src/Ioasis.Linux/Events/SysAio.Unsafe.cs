using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Linux.Events;

/// <summary>Native asynchronous I/O (linux/aio_abi.h). We use only its notification by eventfd.</summary>
internal static unsafe partial class SysAio
{
    /// <summary>io_setup(2): makes a context with room for <paramref name="events"/> untaken completions.</summary>
    public static Errno Setup(uint events, out nint context)
    {
        nint made = 0;
        // SAFETY: the kernel writes the context's 8 bytes.
        Errno errno = LastError.Of(io_setup(SyscallNumbers.IoSetup, events, &made));
        context = made;
        return errno;
    }

    /// <summary>
    /// io_submit(2) of a read of zero bytes. It completes during the call and then adds 1 to an eventfd as a kernel
    /// driver does (eventfd_signal): a full counter stays full, and nothing blocks.
    /// </summary>
    /// <returns>EAGAIN: no room for the completion.</returns>
    public static Errno ReadNothing(nint context, FileDescriptor file, FileDescriptor eventfd)
    {
        const uint IOCB_FLAG_RESFD = 1;
        bool held = false, heldEvent = false;
        try
        {
            file.DangerousAddRef(ref held);
            eventfd.DangerousAddRef(ref heldEvent);
            var block = new ControlBlock
            {
                File = (uint)file.Number,
                Flags = IOCB_FLAG_RESFD,
                ResultFile = (uint)eventfd.Number
            };
            ControlBlock* at = &block;
            // SAFETY: the control block is on our stack, and the kernel reads it only during the call. IOCB_CMD_PREAD
            // is 0 and reads no bytes.
            return LastError.Of(io_submit(SyscallNumbers.IoSubmit, context, 1, &at));
        }
        finally
        {
            if (heldEvent) eventfd.DangerousRelease();
            if (held) file.DangerousRelease();
        }
    }

    /// <summary>io_getevents(2): takes the completions that are ready.</summary>
    public static void TakeCompletions(nint context)
    {
        const int AtOnce = 64;
        Completion* taken = stackalloc Completion[AtOnce];
        long* time = stackalloc long[2];
        time[0] = time[1] = 0;
        // SAFETY: the kernel writes at most AtOnce completions. The timeout is 0, so it does not wait.
        _ = io_getevents(SyscallNumbers.IoGetevents, context, 0, AtOnce, taken, time);
    }

    /// <summary>struct iocb.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct ControlBlock
    {
        public ulong Data;
        public uint Key;
        public int ReadWriteFlags;
        public ushort Operation;
        public short Priority;
        public uint File;
        public ulong Buffer;
        public ulong Bytes;
        public long Offset;
        public ulong Reserved;
        public uint Flags;
        public uint ResultFile;
    }

    /// <summary>struct io_event.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Completion
    {
        public ulong Data;
        public ulong Object;
        public long Result;
        public long Result2;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint io_setup(nint number, nuint events, nint* context);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint io_submit(nint number, nint context, nint count, ControlBlock** blocks);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint io_getevents(nint number, nint context, nint least, nint most, Completion* taken,
        long* time);
}
