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

    internal static void Write(IReadOnlyList<MachineDevice> devices, bool json, TextWriter output)
    {
        if (json) WriteJson(devices, output);
        else if (ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected) WriteTable(devices);
        else WriteLines(devices, output);
    }

    private static string[] Row(MachineDevice device) =>
    [
        device.Requester.ToString(), device.Model,
        string.Create(CultureInfo.InvariantCulture, $"{device.Function.VendorId:x4}:{device.Function.DeviceId:x4}"),
        device.Unit, device.Group.ToString(CultureInfo.InvariantCulture), device.VfioNode,
    ];

    private static void WriteLines(IReadOnlyList<MachineDevice> devices, TextWriter output)
    {
        string[][] rows = [s_titles, .. devices.Select(Row)];
        int[] widths = [.. s_titles.Select((_, column) => rows.Max(r => r[column].Length))];
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

    private static void WriteJson(IReadOnlyList<MachineDevice> devices, TextWriter output)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartArray();
            foreach (MachineDevice device in devices)
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

            json.WriteEndArray();
        }

        output.WriteLine(Encoding.UTF8.GetString(bytes.ToArray()));
    }
}
