using System.Globalization;
using System.Text;
using Ioasis.Abi;
using Ioasis.Memory;

namespace Ioasis.Client.Drivers;

/// <summary>
/// The addresses of memory BARs and of bridges' windows. A request of a device to such an address may never reach the
/// IOMMU: a switch, or the device itself, takes it for one to a BAR. So no IOVA is to be equal to one (Linux reserves
/// the windows of host bridges in each DMA domain; iommufd leaves that to programs).
/// </summary>
internal static class PciWindows
{
    private const string Devices = "/sys/bus/pci/devices";
    private const ulong IsMemory = 0x200; // IORESOURCE_MEM

    /// <summary>Reads them from sysfs.</summary>
    internal static IEnumerable<IovaRange> Of(NodeTransport nodes)
    {
        if (nodes.TryList(Devices, out IReadOnlyList<string> functions) != Errno.None) yield break;
        foreach (string function in functions)
        {
            if (nodes.TryReadFile($"{Devices}/{function}/resource", out byte[] text) != Errno.None) continue;
            foreach (string line in Encoding.ASCII.GetString(text).Split('\n'))
            {
                if (line.Split(' ') is [var first, var last, var flags] && (Number(flags) & IsMemory) != 0
                    && Number(first) < Number(last))
                    yield return new IovaRange(Number(first), Number(last));
            }
        }
    }

    private static ulong Number(string text) => ulong.Parse(
        text.StartsWith("0x", StringComparison.Ordinal) ? text.AsSpan(2) : text,
        NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
