using Ioasis.Host.Callers;
using Ioasis.Host.Filter;
using Ioasis.Host.Paths;
using Ioasis.Linux.Processes;
using Ioasis.Machine.Nodes;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Launch;

/// <summary>
/// Calls what the start of a program needs while another thread makes the machine. The runtime prepares each method at
/// its first call, and that is most of a start. Nothing that is called here changes or keeps anything.
/// </summary>
internal static class Rehearsal
{
    /// <summary>Begins it, on a thread of its own. Without that thread the start takes longer.</summary>
    internal static void Start() => HostThread.TryStart("ioasis rehearsal", Run, static _ => { });

    private static void Run()
    {
        byte[] arguments = OriginalProcess.ArgumentBytes("", []), environment = OriginalProcess.EnvironmentBytes();
        byte[][] files = ProgramSearch.FilesOf("-"u8, environment);
        var data = new LaunchData(arguments, environment, files, FilterProgram.Build());
        data.Limit(0, SysProcesses.LimitOf(ResourceLimit.Descriptors).Soft, 0);
        LaunchCode.Make(0, data);
        OriginalProcess.IgnoredSignals();
        OriginalProcess.DescriptorLimit(SysProcesses.Parent);
        WriteRule.Of([], 0);
        _ = new PathTree(new Dictionary<string, VirtualPath>());
        _ = new CallersRights(static _ => true);
        _ = new Tracees();
    }
}
