using Ioasis.Abi;
using Ioasis.Core.Observation;

namespace Ioasis.Diagnostics.Check;

/// <summary>
/// What a program has done about the interrupt messages of a device. Where the device's capabilities are is learned
/// from the program's own reads of configuration space, by which it found them. The checker's lock guards it.
/// </summary>
internal sealed class SeenMessages
{
    private const int Size = 256; // of the configuration space that has the capabilities
    private const ulong InRegion = 0xfff;

    private readonly byte[] _bytes = new byte[Size];
    private readonly bool[] _known = new bool[Size];
    private bool _wantsMsi, _wantsMsix;

    /// <summary>The vectors that have an eventfd.</summary>
    internal HashSet<uint> Vectors { get; } = [];

    /// <summary>Whether VFIO_DEVICE_SET_IRQS enabled messages.</summary>
    internal bool IsEnabled { get; set; }

    /// <summary>Whether the program has set the enable bit of a capability. VFIO ignores the store.</summary>
    internal bool IsWanted => _wantsMsi || _wantsMsix;

    /// <summary>VFIO_DEVICE_SET_IRQS disabled messages, and cleared the bits with them.</summary>
    internal void Disable()
    {
        Vectors.Clear();
        IsEnabled = _wantsMsi = _wantsMsix = false;
    }

    /// <summary>The program read or wrote configuration space.</summary>
    internal void Access(NodeCall call)
    {
        int at = (int)(call.Offset.GetValueOrDefault() & InRegion);
        if (call.Name == "read")
        {
            for (int i = 0; i < call.After.Length && at + i < Size; i++)
                (_bytes[at + i], _known[at + i]) = (call.After[i], true);
            return;
        }

        if (ByteAt(PciRegs.PCI_CAP_ID_MSI, PciRegs.PCI_MSI_FLAGS) is { } msi)
            _wantsMsi = (msi & PciRegs.PCI_MSI_FLAGS_ENABLE) != 0;
        if (ByteAt(PciRegs.PCI_CAP_ID_MSIX, PciRegs.PCI_MSIX_FLAGS + 1) is { } msix)
            _wantsMsix = (msix & (PciRegs.PCI_MSIX_FLAGS_ENABLE >> 8)) != 0;

        // What is written to a byte of a capability; null if that byte is not written.
        byte? ByteAt(byte capability, int offset) =>
            Find(capability) is { } found && found + offset - at is >= 0 and var i && i < call.Before.Length
                ? call.Before[i]
                : null;
    }

    /// <summary>Where a capability is; null if the program has not read its way there.</summary>
    private int? Find(byte capability)
    {
        int next = PciRegs.PCI_CAPABILITY_LIST;
        for (int left = Size / 4; left > 0 && _known[next] && _bytes[next] is > 1 and < Size - 1 and var at; left--)
        {
            if (_known[at] && _bytes[at] == capability) return at;
            next = at + PciRegs.PCI_CAP_LIST_NEXT;
        }

        return null;
    }
}
