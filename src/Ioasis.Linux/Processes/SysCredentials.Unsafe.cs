using System.Runtime.InteropServices;
using Ioasis.Linux.Files;

namespace Ioasis.Linux.Processes;

/// <summary>Calls about the rights and limits of threads.</summary>
internal static unsafe partial class SysCredentials
{
    /// <summary>
    /// prlimit(2): the soft RLIMIT_MEMLOCK of a process in bytes; process 0 is ours. False if the process is gone or we
    /// may not read it.
    /// </summary>
    public static bool TryGetLockLimit(int pid, out ulong limit)
    {
        const int RLIMIT_MEMLOCK = 8;
        ulong* both = stackalloc ulong[2];
        // SAFETY: struct rlimit is two 64-bit words; the kernel reads nothing through the null.
        bool got = prlimit(pid, RLIMIT_MEMLOCK, null, both) == 0;
        limit = got ? both[0] : 0;
        return got;
    }

    /// <summary>capget(2): the effective capabilities of a thread, one bit each; false if it is gone.</summary>
    public static bool TryGetCapabilities(int thread, out ulong effective)
    {
        const uint _LINUX_CAPABILITY_VERSION_3 = 0x20080522;
        uint* header = stackalloc uint[2] { _LINUX_CAPABILITY_VERSION_3, (uint)thread };
        uint* data = stackalloc uint[6]; // effective, permitted, inheritable: low 32 bits, then high
        // SAFETY: version 3 has a header of two words and six words of data.
        bool got = capget(SyscallNumbers.Capget, header, data) == 0;
        effective = got ? data[0] | ((ulong)data[3] << 32) : 0;
        return got;
    }

    /// <summary>
    /// The real user ID of a thread, by its pidfd; false if the kernel does not support that (before Linux 6.13) or the
    /// thread is gone.
    /// </summary>
    public static bool TryGetRealUser(FileDescriptor pidfd, out uint user)
    {
        var info = new PidfdInfo { Mask = PidfdInfo.Credentials };
        bool got = SysFiles.Ioctl(pidfd, PidfdInfo.Command, ref info).IsOk && (info.Mask & PidfdInfo.Credentials) != 0;
        user = info.RealUser;
        return got;
    }

    /// <summary>
    /// Gives the calling thread, and no other, different rights on files. Only for a thread that ends afterwards: the
    /// change is permanent, and it may be partial if the result is false.
    /// </summary>
    /// <param name="user">The file system user ID.</param>
    /// <param name="group">The file system group ID.</param>
    /// <param name="groups">The supplementary groups.</param>
    /// <param name="capabilities">The effective capabilities. Those outside the thread's permitted set are left
    /// out.</param>
    /// <returns>Whether the thread has exactly these rights.</returns>
    public static bool TakeOn(uint user, uint group, ReadOnlySpan<uint> groups, ulong capabilities)
    {
        // SAFETY: the kernel reads exactly groups.Length groups.
        fixed (uint* first = groups)
            if (setgroups(SyscallNumbers.Setgroups, groups.Length, first) != 0) return false;
        // Each call returns the old ID. -1 is not a valid ID, so it only queries.
        const uint Ask = uint.MaxValue;
        _ = setfsid(SyscallNumbers.Setfsgid, group);
        _ = setfsid(SyscallNumbers.Setfsuid, user);
        if ((uint)setfsid(SyscallNumbers.Setfsgid, Ask) != group || (uint)setfsid(SyscallNumbers.Setfsuid, Ask) != user)
            return false;

        const uint _LINUX_CAPABILITY_VERSION_3 = 0x20080522;
        uint* header = stackalloc uint[2] { _LINUX_CAPABILITY_VERSION_3, 0 };
        uint* data = stackalloc uint[6];
        // SAFETY: as in TryGetCapabilities.
        if (capget(SyscallNumbers.Capget, header, data) != 0) return false;
        data[0] = data[1] & (uint)capabilities;
        data[3] = data[4] & (uint)(capabilities >> 32);
        return capget(SyscallNumbers.Capset, header, data) == 0;
    }

    /// <summary>
    /// prctl(PR_SET_DUMPABLE): makes the process debuggable again. A thread that takes on other rights makes the whole
    /// process undumpable.
    /// </summary>
    public static void BecomeDumpable() => _ = prctl(4, 1, 0, 0, 0);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint setgroups(nint number, nint count, uint* groups);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint setfsid(nint number, nuint id);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int prctl(int option, nuint argument2, nuint argument3, nuint argument4, nuint argument5);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int prlimit(int pid, int resource, ulong* set, ulong* got);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint capget(nint number, uint* header, uint* data);

    /// <summary>struct pidfd_info of linux/pidfd.h, its first version.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct PidfdInfo
    {
        /// <summary>PIDFD_GET_INFO: _IOWR(0xff, 11, struct pidfd_info).</summary>
        public const uint Command = 0xC040FF0B;

        public const ulong Credentials = 2;

        public ulong Mask;
        public ulong CgroupId;
        public uint Pid;
        public uint Tgid;
        public uint Ppid;
        public uint RealUser;
        public uint RealGroup;
        public uint EffectiveUser;
        public uint EffectiveGroup;
        public uint SavedUser;
        public uint SavedGroup;
        public uint FilesystemUser;
        public uint FilesystemGroup;
        public int ExitCode;
    }
}
