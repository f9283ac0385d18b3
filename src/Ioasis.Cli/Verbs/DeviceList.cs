using System.Globalization;
using System.Text;
using System.Text.Json;
using Ioasis.Machine;
using Spectre.Console;

namespace Ioasis.Cli.Verbs;

/// <summary>Lists the devices of a machine: as a table, with colour on a terminal, or as JSON.</summary>
internal static class DeviceList
{
    private static readonly string[] s_titles = ["BDF", "MODEL", "ID", "UNIT", "GROUP", "NODE"];

    private static readonly string[] s_parentTitles = ["PARENT", "TYPE", "AVAILABLE"];
    private static readonly string[] s_mdevTitles = ["MDEV", "TYPE", "PARENT", "GROUP", "NODE"];

    internal static void Write(SoftwareMachine machine, bool json, TextWriter output)
    {
        if (json)
        {
            WriteJson(machine, output);
            return;
        }

        if (ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected) WriteTable(machine.Devices);
        else WriteLines([s_titles, .. machine.Devices.Select(Row)], output);
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

    /// <summary>A vDPA device as the tool <c>vdpa dev show</c> shows one, with its node and unit.</summary>
    private static string Line(MachineVdpa device) => string.Create(CultureInfo.InvariantCulture,
        $"{device.Name}: type {TypeOf(device)} mgmtdev ioasis vendor_id 0 max_vqs {device.Function.Queues.Count} "
        + $"max_vq_size {device.MaxQueueSize}");

    private static string TypeOf(MachineVdpa device) => device.DeviceId switch
    {
        1 => "network",
        2 => "block",
        _ => device.DeviceId.ToString(CultureInfo.InvariantCulture),
    };

    private static string[] Row(MachineMdev mdev) =>
    [
        mdev.Uuid.ToString(), mdev.Type, mdev.Parent,
        mdev.Group?.ToString(CultureInfo.InvariantCulture) ?? "-", mdev.IsBound ? mdev.VfioNode : "-",
    ];

    private static string[] Row(MachineDevice device) =>
    [
        device.Requester.ToString(), device.Model,
        string.Create(CultureInfo.InvariantCulture, $"{device.Function.VendorId:x4}:{device.Function.DeviceId:x4}"),
        device.Unit, device.Group.ToString(CultureInfo.InvariantCulture), device.VfioNode,
    ];

    private static void WriteLines(string[][] rows, TextWriter output)
    {
        int[] widths = [.. rows[0].Select((_, column) => rows.Max(r => r[column].Length))];
        foreach (string[] row in rows)
            output.WriteLine(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
    }

    private static void WriteTable(IReadOnlyList<MachineDevice> devices)
    {
        var table = new Table { Border = TableBorder.None };
        foreach (string title in s_titles)
            table.AddColumn(new TableColumn($"[bold]{title}[/]") { NoWrap = true, Padding = new Padding(0, 0, 2, 0) });
        foreach (MachineDevice device in devices)
        {
            string[] row = [.. Row(device).Select(Markup.Escape)];
            row[1] = $"[green]{row[1]}[/]";
            table.AddRow(row);
        }

        AnsiConsole.Write(table);
    }

    private static void WriteJson(SoftwareMachine machine, TextWriter output)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartArray();
            foreach (MachineDevice device in machine.Devices)
            {
                json.WriteStartObject();
                json.WriteString("bdf", device.Requester.ToString());
                json.WriteString("model", device.Model);
                json.WriteString("vendor", device.Function.VendorId.ToString("x4", CultureInfo.InvariantCulture));
                json.WriteString("device", device.Function.DeviceId.ToString("x4", CultureInfo.InvariantCulture));
                json.WriteString("unit", device.Unit);
                json.WriteNumber("group", device.Group);
                json.WriteString("vfio", device.VfioNode);
                json.WriteEndObject();
            }

            foreach (MachineMdevParent parent in machine.MdevParents) WriteJson(parent, json);
            foreach (MachineMdev mdev in machine.Mdevs) WriteJson(mdev, json);
            foreach (MachineVdpa device in machine.VdpaDevices) WriteJson(device, json);

            json.WriteEndArray();
        }

        output.WriteLine(Encoding.UTF8.GetString(bytes.ToArray()));
    }

    private static void WriteJson(MachineMdevParent parent, Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("mdevParent", parent.Name);
        json.WriteStartArray("types");
        foreach ((string name, int available) in parent.Types)
        {
            json.WriteStartObject();
            json.WriteString("type", name);
            json.WriteNumber("available", available);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteJson(MachineVdpa device, Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("vdpa", device.Name);
        json.WriteString("type", TypeOf(device));
        json.WriteString("mgmtdev", "ioasis");
        json.WriteNumber("vendor_id", 0);
        json.WriteNumber("max_vqs", device.Function.Queues.Count);
        json.WriteNumber("max_vq_size", device.MaxQueueSize);
        json.WriteString("unit", device.Unit);
        json.WriteString("node", device.Node);
        json.WriteEndObject();
    }

    private static void WriteJson(MachineMdev mdev, Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("mdev", mdev.Uuid.ToString());
        json.WriteString("type", mdev.Type);
        json.WriteString("parent", mdev.Parent);
        if (mdev.Group is { } group) json.WriteNumber("group", group);
        if (mdev.IsBound) json.WriteString("vfio", mdev.VfioNode);
        json.WriteEndObject();
    }
}
