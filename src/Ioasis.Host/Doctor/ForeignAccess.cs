using System.Globalization;
using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Linux.Processes;

namespace Ioasis.Host.Doctor;

/// <summary>
/// Access to a program's memory and open files, which a container's seccomp profile, Yama or a kernel's configuration
/// may forbid. <c>run</c> and <c>doctor</c> say the same about it.
/// </summary>
internal static class ForeignAccess
{
    private const string YamaFile = "/proc/sys/kernel/yama/ptrace_scope";
    private static int s_said;

    /// <summary>Yama's scope of ptrace (Documentation/admin-guide/LSM/Yama.rst); null without Yama.</summary>
    internal static int? YamaScope => int.TryParse(
        ReadFirstLine(YamaFile), NumberStyles.None, CultureInfo.InvariantCulture, out int scope) ? scope : null;

    /// <summary>Why a process's memory cannot be read and written, in a sentence; null if it can.</summary>
    internal static string? MemoryRefusal(int process)
    {
        Errno errno = SysMemory.ProbeRead(process);
        if (errno != Errno.None)
            return Sentence("process_vm_readv", errno, "read what a program passes to a call");
        errno = SysMemory.ProbeWrite(process);
        return errno == Errno.None
            ? null
            : Sentence("process_vm_writev", errno, "write what a call gives back to a program");
    }

    /// <summary>Why a process has no pidfd, in a sentence; null if it has.</summary>
    internal static string? PidfdRefusal(int process)
    {
        Errno errno = SysProcesses.OpenPidfd(process, 0, out FileDescriptor pidfd);
        pidfd.Dispose();
        return errno == Errno.None ? null : Sentence("pidfd_open", errno, "see a program end");
    }

    /// <summary>Why a process's open files cannot be fetched, in a sentence; null if they can.</summary>
    internal static string? FileRefusal(int process)
    {
        if (SysProcesses.OpenPidfd(process, 0, out FileDescriptor pidfd) != Errno.None) return null; // told already
        using (pidfd)
        {
            Errno errno = SysProcesses.GetFileOf(pidfd, 0, out FileDescriptor file);
            file.Dispose();
            return errno is Errno.None or Errno.EBADF ? null : FileSentence(errno);
        }
    }

    /// <summary>Says once that a file of a program could not be fetched because the host forbids it.</summary>
    internal static void SayFileRefusal(Errno errno)
    {
        if (Interlocked.Exchange(ref s_said, 1) == 0) ErrorOutput.Say(FileSentence(errno));
    }

    private static string FileSentence(Errno errno) => Sentence("pidfd_getfd", errno,
        "fetch the eventfds and KVM's files that a program hands to its devices");

    private static string Sentence(string call, Errno errno, string use) =>
        $"{call} fails ({errno}), which run needs to {use}: {Remedy(errno)}";

    private static string Remedy(Errno errno) => (errno, YamaScope) switch
    {
        (Errno.ENOSYS, _) => "the kernel lacks it, or a container's seccomp profile is older than the call",
        (_, 3) => "kernel.yama.ptrace_scope is 3, which only a reboot changes",
        (_, 2) => "kernel.yama.ptrace_scope is 2: as root, sysctl -w kernel.yama.ptrace_scope=1",
        _ when HasOwnFilter => "a container's seccomp profile forbids it: start the container with "
            + "--cap-add SYS_PTRACE (GitHub: container.options, GitLab: runners.docker.cap_add)",
        _ => "this process may not trace its children: look at its security module (SELinux, AppArmor)",
    };

    // The filter of a container: our own is on the program alone.
    private static bool HasOwnFilter =>
        File.ReadLines("/proc/self/status").Any(l => l.StartsWith("Seccomp:\t2", StringComparison.Ordinal));

    private static string? ReadFirstLine(string path)
    {
        try { return File.ReadLines(path).FirstOrDefault(); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return null; }
    }
}
