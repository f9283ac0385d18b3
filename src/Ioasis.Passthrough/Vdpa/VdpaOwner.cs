using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Mapping;
using Ioasis.Memory;

namespace Ioasis.Passthrough.Vdpa;

/// <summary>The owner of an open vhost file: a process's memory (Linux: mm of struct vhost_dev).</summary>
internal sealed class VdpaOwner(ICaller caller)
{
    /// <summary>Its memory, which the addresses in messages are of.</summary>
    internal AddressSpace Memory { get; } = caller.Memory;

    /// <summary>
    /// Who is charged for entries. As on Linux each entry counts all its pages, also those that another has, until it
    /// is taken out, although a batch may still hold them for the device.
    /// </summary>
    internal PinOwner Counted { get; } = new(PinAccounting.Pinned, caller.Pins, null);

    /// <summary>The same process for the mappings of entries, which count nothing.</summary>
    internal PinOwner Uncounted { get; } = new(PinAccounting.Elsewhere, caller.Pins, null);
}
