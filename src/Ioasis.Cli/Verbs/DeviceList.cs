using System.Globalization;
using Ioasis.Devices;
using Ioasis.Machine;

namespace Ioasis.Cli.Verbs;

/// <summary>
/// Lists the devices of a machine: as a table with a line for each, in full, as a tree, or as JSON. No line is wrapped.
/// </summary>
internal static class DeviceList
{
    private static readonly string[] s_titles = ["BDF", "MODEL", "ID", "UNIT", "GROUP", "NODE"];
    private static readonly string[] s_parentTitles = ["PARENT", "TYPE", "AVAILABLE"];
    private static readonly string[] s_mdevTitles = ["MDEV", "TYPE", "PARENT", "GROUP", "NODE"];

    internal static void Write(SoftwareMachine machine, TextWriter output)
    {
        WriteLines([s_titles, .. machine.Devices.Select(Row)], output, Screen.HasColours(output));
        string[][] parents =
        [
            .. machine.MdevParents.SelectMany(parent => parent.Types, static (parent, type) => (string[])
                [parent.Name, type.Name, type.Available.ToString(CultureInfo.InvariantCulture)]),
        ];
        string[][] mdevs = [.. machine.Mdevs.Select(Row)];
        if (parents.Length != 0) WriteLines([s_parentTitles, .. parents], output);
        if (mdevs.Length != 0) WriteLines([s_mdevTitles, .. mdevs], output);
        foreach (MachineVdpa device in machine.VdpaDevices) output.WriteLine(Line(device));
    }

    /// <summary>Writes all there is to say of each device, in the manner of <c>lspci -v</c>.</summary>
    internal static void WriteInFull(SoftwareMachine machine, TextWriter output)
    {
        foreach (MachineDevice device in machine.Devices)
        {
            PciFunction function = device.Function;
            output.WriteLine(Text($"{device.Requester} {device.Model} [{Id(device)}] (rev {function.Revision:x2})"));
            output.WriteLine(Text($"\tIOMMU unit: {device.Unit}, group {device.Group}"));
            foreach (Bar bar in function.Bars)
            {
                string prefetchable = bar.IsPrefetchable ? "prefetchable" : "non-prefetchable";
                output.WriteLine(Text($"\tRegion {bar.Index}: Memory at {device.BarAddresses[bar.Index]:x8} ")
                    + Text($"({(bar.Is64Bit ? 64 : 32)}-bit, {prefetchable}) [size={Size(bar.Size)}]"));
            }

            foreach (string capability in Capabilities(function)) output.WriteLine($"\tCapabilities: {capability}");
            output.WriteLine($"\tDriver: {device.DriverName ?? "none"}");
            output.WriteLine($"\tNode: {device.VfioNode}\n");
        }

        foreach (MachineVdpa device in machine.VdpaDevices)
            output.WriteLine($"{Line(device)}\n\tIOMMU unit: {device.Unit}\n\tNode: {device.Node ?? "none"}\n");
    }

    /// <summary>Writes units, their groups, and the devices of each, in the manner of <c>lspci -t</c>.</summary>
    internal static void WriteTree(SoftwareMachine machine, TextWriter output)
    {
        foreach (IGrouping<string, MachineDevice> unit in machine.Devices.GroupBy(d => d.Unit))
        {
            IGrouping<int, MachineDevice>[] groups = [.. unit.GroupBy(d => d.Group)];
            string margin = $"-[{unit.Key}]-";
            for (int i = 0; i < groups.Length; i++)
            {
                string head = Text($"{Branch(i, groups.Length)}-group {groups[i].Key}-");
                MachineDevice[] devices = [.. groups[i]];
                for (int j = 0; j < devices.Length; j++)
                {
                    string before = i == 0 && j == 0 ? margin : new string(' ', margin.Length);
                    string group = j == 0 ? head
                        : (i + 1 < groups.Length ? "|" : " ").PadRight(head.Length);
                    output.WriteLine(
                        $"{before}{group}{Branch(j, devices.Length)}-{devices[j].Requester} {devices[j].Model}");
                }
            }
        }
    }

    internal static void WriteJson(SoftwareMachine machine, TextWriter output) => JsonOutput.Write(
        new
        {
            Devices = machine.Devices.Select(d => new
            {
                Bdf = d.Requester.ToString(),
                d.Model,
                Vendor = Text($"{d.Function.VendorId:x4}"),
                Device = Text($"{d.Function.DeviceId:x4}"),
                d.Unit,
                d.Group,
                Node = d.VfioNode,
            }),
            MdevTypes = machine.MdevParents.SelectMany(p => p.Types, (p, type) => new
            {
                Parent = p.Name,
                Type = type.Name,
                type.Available,
            }),
            Mdevs = machine.Mdevs.Select(m => new
            {
                Uuid = m.Uuid.ToString(),
                m.Type,
                m.Parent,
                m.Group,
                Node = m.IsBound ? m.VfioNode : null,
            }),
            Vdpa = machine.VdpaDevices.Select(v => new
            {
                v.Name,
                Type = TypeOf(v),
                Mgmtdev = "ioasis",
                VendorId = 0,
                MaxVqs = v.Function.Queues.Count,
                MaxVqSize = v.MaxQueueSize,
                v.Unit,
                v.Node,
            }),
        }, output);

    private static string Branch(int index, int count) =>
        count == 1 ? "-" : index == 0 ? "+" : index + 1 == count ? "\\" : "+";

    private static IEnumerable<string> Capabilities(PciFunction function)
    {
        if (function.IsExpress) yield return "Express endpoint";
        if (function.HasInterruptPin) yield return "INTx pin A";
        if (function.MsiVectors > 0) yield return Text($"MSI: {function.MsiVectors} vectors");
        if (function.Msix is { } msix) yield return Text($"MSI-X: {msix.Vectors} vectors, table in region {msix.Bar}");
        if (function.Sriov is { } sriov) yield return Text($"SR-IOV: {sriov.TotalVfs} virtual functions");
        if (function.HasAts) yield return "ATS";
        if (function.PasidBits > 0) yield return Text($"PASID: {function.PasidBits} bits");
        if (function.PageRequests > 0) yield return Text($"PRI: {function.PageRequests} requests");
    }

    private static string Size(ulong bytes) => bytes switch
    {
        >= 1 << 30 when bytes % (1 << 30) == 0 => Text($"{bytes >> 30}G"),
        >= 1 << 20 when bytes % (1 << 20) == 0 => Text($"{bytes >> 20}M"),
        >= 1 << 10 when bytes % (1 << 10) == 0 => Text($"{bytes >> 10}K"),
        _ => Text($"{bytes}"),
    };

    /// <summary>A vDPA device as the tool <c>vdpa dev show</c> shows one, with its node and unit.</summary>
    private static string Line(MachineVdpa device) => Text(
        $"{device.Name}: type {TypeOf(device)} mgmtdev ioasis vendor_id 0 max_vqs {device.Function.Queues.Count} ")
        + Text($"max_vq_size {device.MaxQueueSize}");

    private static string TypeOf(MachineVdpa device) => device.DeviceId switch
    {
        1 => "network",
        2 => "block",
        _ => Text($"{device.DeviceId}"),
    };

    private static string[] Row(MachineMdev mdev) =>
    [
        mdev.Uuid.ToString(), mdev.Type, mdev.Parent,
        mdev.Group?.ToString(CultureInfo.InvariantCulture) ?? "-", mdev.IsBound ? mdev.VfioNode : "-",
    ];

    private static string[] Row(MachineDevice device) =>
    [
        device.Requester.ToString(), device.Model, Id(device), device.Unit, Text($"{device.Group}"), device.VfioNode,
    ];

    private static string Id(MachineDevice device) =>
        Text($"{device.Function.VendorId:x4}:{device.Function.DeviceId:x4}");

    private static void WriteLines(string[][] rows, TextWriter output, bool hasColours = false)
    {
        int[] widths = [.. rows[0].Select((_, column) => rows.Max(r => r[column].Length))];
        foreach (string[] row in rows)
        {
            string[] cells = [.. row.Select((cell, column) => cell.PadRight(widths[column]))];
            if (hasColours && row != rows[0]) cells[1] = Screen.Green(cells[1]);
            string line = string.Join("  ", cells).TrimEnd();
            output.WriteLine(hasColours && row == rows[0] ? Screen.Bold(line) : line);
        }
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
