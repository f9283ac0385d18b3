using System.Globalization;
using Ioasis.Abi;
using Ioasis.Host.Control;
using Ioasis.Host.Filter;
using Ioasis.Host.Launch;
using Ioasis.Host.Paths;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;
using Ioasis.Linux.Seccomp;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Doctor;

/// <summary>
/// What <c>run</c> needs of this host, tried: a process is started as <c>run</c> starts a program, its calls are
/// stopped, and its memory and files are accessed.
/// </summary>
internal static class HostChecks
{
    private static readonly Version s_oldest = new(5, 14), s_killable = new(5, 19);

    /// <summary>All of them, those first that decide about <c>run</c>.</summary>
    internal static IReadOnlyList<HostCheck> All() =>
        [Kernel(), .. Process(), Yama(), KillableWait(), RuntimeDirectory(), Temporary(), HugePages(), Kvm(), Libdw()];

    private static HostCheck Kernel()
    {
        Version version = Environment.OSVersion.Version;
        string text = $"Linux {version.Major}.{version.Minor} (5.14 is needed, 6.11 is faster)";
        return version < s_oldest
            ? new("kernel", Verdict.Fail, text, "run needs Linux 5.14 or later")
            : new("kernel", Verdict.Ok, text);
    }

    /// <summary>A process with the filter, as a program has it.</summary>
    private static IEnumerable<HostCheck> Process()
    {
        const string Filter = "seccomp";
        SysProcesses.BecomeSubreaper();
        LaunchedProgram? program = null;
        List<HostCheck> checks = [];
        try
        {
            program = LaunchedProgram.Start(new RunOptions { Program = "true" }, WriteRule.None);
            using (program.TakeListener())
            {
                checks.Add(new(Filter, Verdict.Ok, "user notification, and its listener in another process"));
                checks.Add(Of("process_vm_readv, process_vm_writev", Verdict.Fail,
                    ForeignAccess.MemoryRefusal(program.Pid)));
                checks.Add(Of("pidfd_open", Verdict.Fail, ForeignAccess.PidfdRefusal(program.Pid)));
                checks.Add(Of("pidfd_getfd", Verdict.Warn, ForeignAccess.FileRefusal(program.Pid)));
                Errno errno = SysPtrace.Seize(program.Pid, 0);
                checks.Add(errno == Errno.None
                    ? new("ptrace", Verdict.Ok, "permitted")
                    : new("ptrace", Verdict.Warn, $"refused ({errno})",
                        "trace -k, stacks of --check, and --strict-sva do not work"));
            }
        }
        catch (IOException e)
        {
            checks.Add(new(Filter, Verdict.Fail, e.Message, "run cannot start a program"));
        }
        finally
        {
            if (program is not null)
            {
                SysProcesses.Kill(program.Pid, 9);
                program.Dispose();
            }
        }

        return checks;
    }

    private static HostCheck Of(string name, Verdict otherwise, string? refusal) => refusal is null
        ? new(name, Verdict.Ok, "permitted")
        : new(name, otherwise, "refused", refusal);

    private static HostCheck Yama()
    {
        const string Name = "yama ptrace_scope";
        return ForeignAccess.YamaScope switch
        {
            null => new(Name, Verdict.Ok, "no Yama"),
            0 => new(Name, Verdict.Ok, "0"),
            1 => new(Name, Verdict.Ok, "1: a program is served while it descends from ioasis run"),
            var scope => new(Name, Verdict.Warn, string.Create(CultureInfo.InvariantCulture, $"{scope}"),
                "only root's programs are served: as root, sysctl -w kernel.yama.ptrace_scope=1"),
        };
    }

    private static HostCheck KillableWait()
    {
        const string Name = "WAIT_KILLABLE_RECV";
        var installed = SysResult.Ok(0);
        // A filter that passes everything, on a thread that ends.
        Thread? thread = HostThread.TryStart("ioasis doctor", () =>
        {
            var pass = new BpfAssembler();
            pass.Answer(SeccompH.SECCOMP_RET_ALLOW);
            Errno errno = SysProcesses.SetNoNewPrivileges();
            installed = errno == Errno.None ? SysSeccomp.Install(pass.ToArray(), waitKillable: true) : errno;
            if (installed.IsOk) new FileDescriptor((int)installed.Value).Dispose();
        }, _ => installed = Errno.EFAULT);
        thread?.Join();
        return installed.IsOk && Environment.OSVersion.Version >= s_killable
            ? new(Name, Verdict.Ok, "a signal does not restart a call that is served")
            : new(Name, Verdict.Warn, "missing; Linux 5.19 or later has it",
                "--strict-sva does not work, and a signal may restart a call");
    }

    private static HostCheck RuntimeDirectory()
    {
        const string Name = "runtime directory";
        try
        {
            using ControlDirectory directory = ControlDirectory.Open();
            return new(Name, Verdict.Ok, directory.Path);
        }
        catch (IOException e)
        {
            return new(Name, Verdict.Warn, e.Message,
                "ps, state, walk, faults and trace -p find no program: set XDG_RUNTIME_DIR to a directory of yours");
        }
    }

    private static HostCheck Temporary()
    {
        const string Name = "temporary directory";
        if (!TemporaryDirectory.TryCreate(out TemporaryDirectory? directory))
            return new(Name, Verdict.Warn, "neither XDG_RUNTIME_DIR nor /dev/shm nor /tmp can be written",
                "programs cannot list our directories in /dev and /sys: mount a tmpfs on /dev/shm");
        using (directory) return new(Name, Verdict.Ok, Path.GetDirectoryName(directory.Path) ?? directory.Path);
    }

    private static HostCheck HugePages()
    {
        const string Name = "huge pages", File = "/proc/sys/vm/nr_hugepages";
        string text;
        try { text = System.IO.File.ReadAllText(File).Trim(); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { text = "unknown"; }
        return text is "0" or "unknown"
            ? new(Name, Verdict.Warn, text, $"programs that ask for them (DPDK) get none: as root, echo 64 > {File}")
            : new(Name, Verdict.Ok, $"{text} of the default size");
    }

    private static HostCheck Kvm()
    {
        const string Name = "KVM";
        Errno errno = SysFiles.Open("/dev/kvm", FcntlH.O_RDWR | FcntlH.O_CLOEXEC, out FileDescriptor kvm);
        kvm.Dispose();
        return errno == Errno.None
            ? new(Name, Verdict.Ok, "/dev/kvm")
            : new(Name, Verdict.Warn, $"/dev/kvm cannot be opened ({errno})",
                "VMMs run without it only if they can emulate (QEMU: -accel tcg)");
    }

    private static HostCheck Libdw() => Linux.Unwinding.Libdw.TryGet(out _)
        ? new("libdw", Verdict.Ok, "stacks in reports and traces")
        : new("libdw", Verdict.Warn, "missing", Linux.Unwinding.Libdw.Missing);
}
