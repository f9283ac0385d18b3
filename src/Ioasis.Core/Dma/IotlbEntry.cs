using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ioasis.Core.Dma;

/// <summary>
/// A translation that a port keeps: two of them to a cache line. It stands for the bytes from its granule up to the end
/// of the mapping, so that a long access needs one look-up.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct IotlbEntry
{
    /// <summary>The IOVA in units of <see cref="DmaPort.Granule"/>.</summary>
    internal ulong Tag;

    /// <summary>
    /// The port's generation and the PASID it holds for: see <see cref="DmaPort"/>. 0 is never valid.
    /// </summary>
    internal ulong Key;

    /// <summary>What to add to an IOVA to get the address in our own process.</summary>
    internal nint Delta;

    /// <summary>
    /// The mapping's last IOVA, its two lowest bits replaced by the access (they are ones in every last IOVA).
    /// </summary>
    internal ulong LastAndAccess;
}

/// <summary>The translations that a port keeps, by the low bits of their granule.</summary>
[InlineArray(DmaPort.IotlbSize)]
internal struct Iotlb
{
    private IotlbEntry _first;
}
