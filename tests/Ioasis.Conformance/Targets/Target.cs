using Ioasis.Client;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;

namespace Ioasis.Conformance.Targets;

/// <summary>
/// What the suite runs on, by IOASIS_TARGET: a machine within this process (<c>process</c>, the default) or the nodes
/// of the system (<c>nodes</c>), which are ours under <c>ioasis run</c> and the kernel's elsewhere. It is one machine
/// for the whole run, so that what a test does not give back is missed by the next.
/// </summary>
internal static class Target
{
    private static readonly string s_name =
        Environment.GetEnvironmentVariable("IOASIS_TARGET") is { Length: > 0 } name ? name : "process";
    private static readonly SoftwareMachine? s_machine = IsProcess ? SoftwareMachine.Create(MachineDescription.Default
        .WithDevice($"dmatest@{MdevParent},mdevs=1").WithMdev($"{ChannelType}@{MdevParent}")
        .WithMdev($"{EduType}@{EduParent}")
        .WithDevice("virtio-net@n0,vdpa").WithDevice("virtio-blk@b0,vdpa,size=1M,doorbells=on")) : null;

    /// <summary>The parents of the mdevs that the suite needs; eng/test.sh gives them to <c>ioasis run</c>.</summary>
    private const string MdevParent = "1000:00:06.0", EduParent = "edus";

    private const string ChannelType = "dmatest-1ch", EduType = "edu-1";

    /// <summary>
    /// A real kernel has an edu, thanks to QEMU, but neither a dmatest, our mdevs nor /dev/sva, and no vDPA devices
    /// unless somebody made them: IOASIS_WITHOUT=dmatest,mdev,sva,vdpa says so. Linux's simulators fail silently and
    /// have no doorbells, and Linux attaches no vDPA device to an iommufd: needs-reset,doorbells,vdpa-iommufd.
    /// </summary>
    private static readonly string s_without = Environment.GetEnvironmentVariable("IOASIS_WITHOUT") ?? "";

    private static readonly Refusals s_refusals = Watch();

    internal static bool IsProcess => s_name switch
    {
        "process" => true,
        "nodes" => false,
        _ => throw new InvalidOperationException($"IOASIS_TARGET is \"{s_name}\"; it may be \"process\" or \"nodes\"."),
    };

    internal static string Description => IsProcess
        ? "Target: a machine within this process."
        : $"Target: the device nodes of this system "
            + $"({File.ReadAllText("/proc/version").Trim()}){(s_without.Length > 0 ? $", without {s_without}" : "")}.";

    /// <summary>
    /// A process of its own in the eyes of a machine within this process; this process, through the nodes.
    /// </summary>
    internal static NodeTransport NewProcess(params int[] capabilities) =>
        s_machine is null ? NodeTransport.OfSystem() : NodeTransport.InProcess(s_machine, capabilities);

    /// <summary>Whether a process that <see cref="NewProcess"/> makes with a capability has it.</summary>
    internal static bool HasCapability(int capability)
    {
        if (IsProcess) return true;
        string line = File.ReadLines("/proc/self/status").First(l => l.StartsWith("CapEff:", StringComparison.Ordinal));
        return ((Convert.ToUInt64(line[7..].Trim(), 16) >> capability) & 1) != 0;
    }

    /// <summary>The test is over if this target cannot have something that only we have.</summary>
    internal static void Needs(string what) =>
        Assert.SkipWhen(s_without.Split(',').Contains(what), $"IOASIS_WITHOUT says that there is no {what} here.");

    /// <summary>The node of an mdev of the type dmatest-1ch; the test is over if this target cannot have one.</summary>
    internal static VfioNode FindMdev(NodeTransport nodes) => new(new RequesterId(0x1000, 0, 6, 0),
        NodeOf(nodes, $"/sys/devices/pci1000:00/{MdevParent}", ChannelType), 0x1234, 0x11eb);

    /// <summary>The node of the edu that is an mdev; the test is over if this target cannot have one.</summary>
    internal static string EduMdev(NodeTransport nodes) =>
        NodeOf(nodes, $"/sys/devices/virtual/edu/{EduParent}", EduType);

    /// <summary>The node of the first device of a model; the test is over if this target cannot have one.</summary>
    internal static VfioNode Find(NodeTransport nodes, ushort device, string model)
    {
        Needs(model);
        return nodes.FindVfioNodes().FirstOrDefault(n => n.VendorId == 0x1234 && n.DeviceId == device)
            ?? throw new InvalidOperationException(
                $"No {model} (1234:{device:x4}) with a VFIO node was found; the suite needs one.");
    }

    /// <summary>Every call that a machine within this process has refused so far said why.</summary>
    internal static void CheckRefusals() => Assert.Equal([], s_refusals.TakeUnexplained());

    /// <summary>How many calls a machine within this process has refused.</summary>
    internal static int RefusalsSeen => s_refusals.Seen;

    private static Refusals Watch()
    {
        var refusals = new Refusals();
        s_machine?.Observers.Add(refusals);
        return refusals;
    }

    private static string NodeOf(NodeTransport nodes, string parent, string type)
    {
        Needs("mdev");
        string uuid = nodes.List($"{parent}/mdev_supported_types/{type}/devices")[0];
        return "/dev/vfio/devices/" + nodes.List($"{parent}/{uuid}/vfio-dev")
            .First(name => name.StartsWith("vfio", StringComparison.Ordinal));
    }
}
