using System.Globalization;

namespace Ioasis.Machine.Sysfs;

/// <summary>
/// The processors that are near a function, which are all that are online: our machine has no NUMA nodes.
/// </summary>
internal static class SysfsProcessors
{
    private const string Folder = "/sys/devices/system/cpu";

    /// <summary>As ranges: <c>0-3,8</c>.</summary>
    internal static string List => Read("online");

    /// <summary>As a mask, in groups of 32 bits: one digit for each four processors that there can be.</summary>
    internal static string Mask => MaskOf(Parse(List), Parse(Read("possible")).DefaultIfEmpty().Max() + 1);

    internal static string MaskOf(IEnumerable<int> processors, int possible)
    {
        const int digitBits = 4, groupBits = 32;
        var words = new uint[(possible + groupBits - 1) / groupBits];
        foreach (int processor in processors) words[processor / groupBits] |= 1u << (processor % groupBits);
        int digits = ((possible - 1) % groupBits / digitBits) + 1;
        IEnumerable<string> groups = words.Reverse()
            .Select((word, i) => word.ToString(i == 0 ? $"x{digits}" : "x8", CultureInfo.InvariantCulture));
        return string.Join(',', groups);
    }

    internal static IEnumerable<int> Parse(string list)
    {
        foreach (string part in list.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] ends = part.Split('-');
            if (!int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out int first)
                || !int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out int last)) continue;
            for (int processor = first; processor <= last; processor++) yield return processor;
        }
    }

    private static string Read(string name)
    {
        try
        {
            return File.ReadAllText($"{Folder}/{name}").Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "0"; // a host without sysfs; there is one at least
        }
    }
}
