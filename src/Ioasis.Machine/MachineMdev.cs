using Ioasis.Core.Endpoints;
using Ioasis.Core.Walks;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using Ioasis.Passthrough.Mdev;
using Ioasis.Passthrough.Vfio.Pci;

namespace Ioasis.Machine;

/// <summary>An mdev of a machine.</summary>
public sealed class MachineMdev
{
    private readonly MdevDevice _device;

    internal MachineMdev(MdevDevice device) => _device = device;

    /// <summary>Its name.</summary>
    public Guid Uuid => _device.Uuid;

    /// <summary>The name of its type, such as <c>mtty-1</c>.</summary>
    public string Type => _device.Type.Name;

    /// <summary>The name of its parent.</summary>
    public string Parent => _device.Parent.Name;

    /// <summary>Whether its driver has it. If not, there is no node.</summary>
    public bool IsBound => _device.Driver == MdevDriverState.Bound;

    /// <summary>Its node, <c>/dev/vfio/devices/vfio2</c>.</summary>
    public string VfioNode => _device.Vfio.Path;

    /// <summary>Number of its group; null for one that has only its node.</summary>
    public int? Group => IsBound ? _device.Vfio.Group?.Id : null;

    /// <summary>The part of a function that it is; null for one that is software only.</summary>
    public EndpointPart? Part => (_device.Vfio?.Ops as VfioPciDevice)?.Part;

    /// <summary>Of one that is software only, the object by which its driver reaches memory; null for none.</summary>
    public IommufdAccess? Access => (_device.Vfio?.Ops as EmulatedOps)?.Access;

    /// <summary>Its engines that have had a command, and whether each is busy at this moment.</summary>
    public IReadOnlyList<(string Name, bool IsBusy)> Engines =>
        _device.Vfio?.Ops is VfioPciDevice pci ? pci.Slot.Engines.Snapshot : [];

    /// <summary>How an address of the mdev is translated at this moment. Looking changes nothing.</summary>
    /// <param name="pasid">
    /// Which PASID, as its program knows it; null for requests that name none. An emulated mdev has no PASIDs.
    /// </param>
    /// <param name="address">Which address.</param>
    /// <param name="write">Whether to write, rather than to read.</param>
    public TranslationWalk Walk(Pasid? pasid, Iova address, bool write) => _device.Vfio.Ops switch
    {
        EmulatedOps emulated when pasid is null => emulated.Walk(address, write),
        VfioPciDevice { Part: { } part } => TranslationWalk.Of(part, pasid, address, write),
        _ => TranslationWalk.OfNothing(address, write),
    };
}

/// <summary>A device of a machine that offers types of mdevs.</summary>
public sealed class MachineMdevParent
{
    internal MachineMdevParent(MdevParent parent, MdevBus bus)
    {
        Name = parent.Name;
        Types = [.. parent.Types.Select(type => (type.Name, bus.AvailableOf(parent, type)))];
    }

    /// <summary>Its name: a PCI address, or <c>mtty</c>.</summary>
    public string Name { get; }

    /// <summary>Its types, and how many more mdevs of each can be created.</summary>
    public IReadOnlyList<(string Name, int Available)> Types { get; }
}
