using System.Globalization;
using Ioasis.Devices;

namespace Ioasis.Machine.Sysfs;

/// <summary>
/// The text of <c>resource</c>: first and last address and flags of six BARs, the ROM, and those of all virtual
/// functions together.
/// </summary>
internal static class SysfsResources
{
    private const int Rom = 6, All = 13;

    internal static string TextOf(SysfsFunction function)
    {
        var lines = new string[All];
        for (int i = 0; i < All; i++)
        {
            lines[i] = i < Rom ? Line(function.Function, i, function.BarAddresses, 1)
                : i > Rom && function.Sriov is { } sriov ? Line(sriov.Layout.VirtualFunction, i - Rom - 1,
                    sriov.Physical.Pci.VfBarAddresses, sriov.Layout.TotalVfs)
                : Line(null, i, [], 0);
        }

        return string.Join('\n', lines);
    }

    private static string Line(PciFunction? function, int index, ulong[] addresses, int count)
    {
        const ulong memory = 0x200, sizeAligned = 0x40000, prefetchable = 0x2000, wide = 0x100000;
        Bar? bar = function?.Bars.FirstOrDefault(b => b.Index == index);
        ulong first = bar is null ? 0 : addresses[index], last = bar is null ? 0 : first + (bar.Size * (uint)count) - 1;
        ulong flags = bar is null ? 0 : memory | sizeAligned | (bar.IsPrefetchable ? prefetchable : 0)
            | (bar.Is64Bit ? wide : 0);
        return string.Create(CultureInfo.InvariantCulture, $"0x{first:x16} 0x{last:x16} 0x{flags:x16}");
    }
}
