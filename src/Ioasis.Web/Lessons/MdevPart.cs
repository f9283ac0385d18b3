using Ioasis.Client;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Machine.Nodes;
using Ioasis.Scenes;

namespace Ioasis.Web.Lessons;

/// <summary>An mdev that a lesson creates and drives: a channel of a dmatest.</summary>
internal sealed class MdevPart(SoftwareMachine machine) : IDisposable
{
    internal const string Type = "dmatest-1ch", Parent = "1000:00:05.0", Uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001";

    private VfioDevice? _open;

    /// <summary>A machine with its parent.</summary>
    internal static MachineDescription Description => With(MachineDescription.Default);

    internal bool Exists => machine.Mdevs.Count != 0;

    internal string? Node => machine.Mdevs is [var one, ..] ? one.VfioNode : null;

    internal VfioDevice Device => _open ?? throw new LessonException("The mdev is not open.");

    internal DemoDevice Engine { get; private set; } = null!; // since Open

    internal uint? DeviceId => _open?.Id;

    internal static MachineDescription With(MachineDescription description) =>
        description.WithDevice($"dmatest@{Parent},mdevs=2");

    /// <summary>How many more of the type can be created, as sysfs says.</summary>
    internal string ReadAvailable(NodeTransport nodes) => nodes.ReadAttribute(Attribute("available_instances"));

    internal void Create() => SysfsAttribute.Write(machine, Attribute("create"), Uuid);

    /// <summary>Opens the node, binds the device and lets it send.</summary>
    internal void Open(NodeTransport nodes, IommuContext context)
    {
        _open = VfioDevice.Open(nodes, Node!);
        _open.Bind(context);
        _open.EnableBusMaster();
        Engine = new DemoDevice(_open);
    }

    internal void Close()
    {
        _open?.Dispose();
        _open = null;
    }

    internal void Remove() => SysfsAttribute.Write(machine, PathEndingWith($"/{Uuid}/remove"), "1");

    public void Dispose() => Close();

    private string Attribute(string name) => PathEndingWith($"/{Type}/{name}");

    // The attribute itself; other paths lead to it by links.
    private string PathEndingWith(string end) =>
        machine.Paths.FirstOrDefault(p => p.Value is VirtualFile && p.Key.EndsWith(end, StringComparison.Ordinal)).Key
        ?? throw new LessonException($"sysfs has no file that ends with {end}.");
}
