using System.Globalization;
using System.Text;

namespace Ioasis.Machine.Nodes;

/// <summary>
/// The tables of device numbers in /proc: the host's, with ours added. Programs look there for what <c>mknod</c> is to
/// be given, and for whether a driver is there.
/// </summary>
internal static class DeviceNumbers
{
    /// <summary>/proc/devices: the majors of character devices, in their order.</summary>
    /// <param name="ours">Gives ours; it is asked when the file is read, as hardly any program reads it.</param>
    internal static VirtualFile Majors(Func<IEnumerable<(uint Number, string Name)>> ours) =>
        File("devices", text => AddMajors(text, ours()));

    /// <summary>/proc/misc: the minors of miscellaneous devices, the newest first.</summary>
    internal static VirtualFile Miscellaneous(params (uint Number, string Name)[] ours) =>
        File("misc", text => AddMiscellaneous(text, ours));

    internal static string AddMajors(string text, IEnumerable<(uint Number, string Name)> ours)
    {
        const string title = "Character devices:";
        List<string> lines = text.Length == 0 ? [title, ""] : [.. text.Split('\n')];
        int first = lines.IndexOf(title) + 1, end = lines.IndexOf("", first);
        foreach ((uint number, string name) in ours)
        {
            int at = first;
            while (at < end && NumberOf(lines[at]) <= number) at++;
            lines.Insert(at, Line(number, name));
            end++;
        }

        return string.Join('\n', lines);
    }

    internal static string AddMiscellaneous(string text, IEnumerable<(uint Number, string Name)> ours) =>
        string.Concat(ours.Select(one => Line(one.Number, one.Name) + "\n")) + text;

    private static string Line(uint number, string name) =>
        string.Create(CultureInfo.InvariantCulture, $"{number,3} {name}");

    private static uint NumberOf(string line) =>
        uint.TryParse(line.TrimStart().Split(' ')[0], NumberStyles.None, CultureInfo.InvariantCulture,
            out uint number) ? number : 0;

    private static VirtualFile File(string name, Func<string, string> add) =>
        new($"/proc/{name}", () => Encoding.ASCII.GetBytes(add(Read($"/proc/{name}")))) { Size = 0 };

    private static string Read(string path)
    {
        try
        {
            return System.IO.File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ""; // a host without it
        }
    }
}
