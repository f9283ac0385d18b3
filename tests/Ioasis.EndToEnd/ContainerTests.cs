using System.Text.Json;

namespace Ioasis.EndToEnd;

/// <summary>Where a CI runs: Docker's default seccomp profile, user namespaces, users and roots with little.</summary>
public sealed class ContainerTests(Workbench bench)
{
    private const string Sentence = "pidfd_getfd fails (EPERM)", Remedy = "--cap-add SYS_PTRACE";

    [Theory]
    [InlineData(Who.Self, "ioas_basic", "ioas_basic: all as it must be")]
    [InlineData(Who.Self, "map_file", "map_file: all as it must be")]
    [InlineData(Who.Self, "dmatest_mmio", "dmatest by mmap: all as it must be")]
    [InlineData(Who.Nobody, "dmatest_pio", "dmatest by pread/pwrite: all as it must be")]
    [InlineData(Who.Nobody, "page_requests", "page_requests: all as it must be")]
    public async Task Programs_without_eventfds_run_in_a_plain_container(Who who, string program, string says)
    {
        Ending ending = await InContainer(who, [], "run", bench.Client(program), Machine.DmaTest);
        Assert.DoesNotContain(Sentence, ending.MustEnd().MustSay(says).Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task An_eventfd_is_refused_in_a_plain_container_with_a_word(Who who)
    {
        Ending ending = await InContainer(who, [], "run", bench.Client("dmatest_msix"), Machine.DmaTest);
        Assert.NotEqual(0, ending.Code);
        Assert.Equal(1, ending.Error.Split('\n').Count(
            l => l.Contains(Sentence, StringComparison.Ordinal) && l.Contains(Remedy, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task All_works_with_SYS_PTRACE() =>
        (await InContainer(Who.Self, ["--cap-add-SYS_PTRACE"], "run", bench.Client("dmatest_msix"), Machine.DmaTest))
            .MustEnd().MustSay("dmatest's interrupts: all as they must be");

    [Theory]
    [InlineData("process_vm_readv")]
    [InlineData("process_vm_writev")]
    [InlineData("pidfd_open")]
    [InlineData("seccomp")]
    public async Task What_run_cannot_do_without_is_said_at_its_start_and_by_doctor(string call)
    {
        Ending run = (await InContainer(Who.Self, [$"--without-{call}"], "run", "true")).MustEnd(125);
        string sentence = Assert.Single(run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Ending doctor = (await InContainer(Who.Self, [$"--without-{call}"], "doctor")).MustEnd(1);
        Assert.Contains(sentence["ioasis: ".Length..], doctor.Output, StringComparison.Ordinal);
        Assert.Contains("ioasis run cannot work here.", doctor.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, "warn")]
    [InlineData(true, "ok")]
    public async Task Doctor_knows_a_container(bool traces, string verdict)
    {
        string[] options = traces ? ["--cap-add-SYS_PTRACE"] : [];
        Ending text = (await InContainer(Who.Self, options, "doctor")).MustEnd().MustSay("ioasis run works here.");
        Assert.Equal(!traces, text.Output.Contains(Remedy, StringComparison.Ordinal));
        JsonElement root = JsonDocument.Parse(
            (await InContainer(Who.Self, options, "doctor", "--json")).MustEnd().Output).RootElement;
        Assert.True(root.GetProperty("runWorks").GetBoolean());
        JsonElement getfd = root.GetProperty("checks").EnumerateArray()
            .Single(c => c.GetProperty("name").GetString() == "pidfd_getfd");
        Assert.Equal(verdict, getfd.GetProperty("verdict").GetString());
    }

    /// <summary>As rootless Podman's: the user is root of a namespace of its own, with processes of its own.</summary>
    [Fact]
    public async Task Programs_run_in_a_user_namespace() =>
        (await Execution.Run([.. Workbench.As(Who.Nobody), "unshare", "--user", "--map-root-user", "--mount", "--pid",
            "--fork", "--mount-proc", bench.Launcher(Who.Nobody), "run", "--device", $"dmatest@{Machine.DmaTest}",
            bench.Client("dmatest_msix"), Machine.DmaTest])).MustEnd()
            .MustSay("dmatest's interrupts: all as they must be");

    /// <summary>As <c>docker run --read-only</c>: only /dev/shm can be written.</summary>
    [Fact]
    public async Task Programs_run_on_a_read_only_root_without_tmp() =>
        (await OnReadOnlyRoot(["--tmpfs", "/dev/shm"], "/clients/dmatest_msix", Machine.DmaTest)).MustEnd()
            .MustSay("dmatest's interrupts: all as they must be");

    [Fact]
    public async Task Nodes_are_there_where_nothing_can_be_written() =>
        (await OnReadOnlyRoot(["--tmpfs", "/dev/shm", "--remount-ro", "/dev/shm"], "sh", "-c",
            ": <>/dev/iommu && test -c /dev/vfio/devices/vfio0 && cat /sys/class/iommu/dmar0/intel-iommu/version"))
            .MustEnd();

    /// <summary>Runs a program where all of the root but /tmp is there, and cannot be written.</summary>
    private Task<Ending> OnReadOnlyRoot(string[] mounts, params string[] program)
    {
        string[] directories = [.. Directory.EnumerateDirectories("/")
            .Where(d => d is not ("/tmp" or "/proc" or "/dev" or "/sys"))];
        return Execution.Run(["bwrap", "--unshare-user", "--unshare-pid", "--uid", "65534",
            .. directories.SelectMany(d => new[] { "--ro-bind", d, d }),
            "--proc", "/proc", "--dev-bind", "/dev", "/dev", "--ro-bind", "/sys", "/sys",
            "--ro-bind", bench.Tree, "/ioasis", "--ro-bind", bench.Clients, "/clients", .. mounts, "--remount-ro", "/",
            "--unsetenv", "XDG_RUNTIME_DIR", "--unsetenv", "TMPDIR",
            "/ioasis/ioasis", "run", "--device", $"dmatest@{Machine.DmaTest}", .. program]);
    }

    private Task<Ending> InContainer(Who who, string[] options, string verb, params string[] words) =>
        Execution.Run([.. Workbench.As(who), bench.Client("in_container"), .. options, bench.Launcher(who), verb,
            .. verb == "run" ? Machine.Devices.SelectMany(d => new[] { "--device", d }) : [], .. words]);
}
