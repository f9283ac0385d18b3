using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Ioasis.Devices;

namespace Ioasis.Machine.Description;

/// <summary>The device models that a description can name, and what each can be told.</summary>
internal static class ModelRegistry
{
    private static readonly ConcurrentDictionary<string, Model> s_models = new()
    {
        ["dmatest"] = new Model(p => new DmaTestDevice(
            p.TryGetValue("virtualFunctions", out string? functions) ? ParseCount(functions, 0,
                DmaTestDevice.MaxVirtualFunctions)!.Value : 0,
            p.TryGetValue("pageRequests", out string? asks) && bool.Parse(asks)), ["virtualFunctions", "pageRequests"]),
        ["dsa"] = new Model(p => new DsaDevice(new DsaOptions
        {
            MaxTransferLog2 = p.TryGetValue("maxTransferLog2", out string? transfer) ? ParseCount(transfer, 1,
                31)!.Value : 31,
            MaxBatchLog2 = p.TryGetValue("maxBatchLog2", out string? batch) ? ParseCount(batch, 1, 15)!.Value : 10,
        }), ["maxTransferLog2", "maxBatchLog2"]),
        ["edu"] = new Model(p => new EduDevice(p.TryGetValue("dmaMask", out string? mask)
                ? ParseMask(mask)!.Value
                : EduDevice.DefaultDmaMask), ["dmaMask"]),
        ["ioat"] = new Model(p => new IoatDevice(new IoatOptions
        {
            MaxTransferLog2 = p.TryGetValue("maxTransferLog2", out string? transfer) ? ParseCount(transfer, 12,
                20)!.Value : 14,
            HaltOnFault = !p.TryGetValue("haltOnFault", out string? halt) || bool.Parse(halt),
        }), ["maxTransferLog2", "haltOnFault"]),
        ["nvme"] = new Model(p => new NvmeDevice(new NvmeOptions
        {
            File = p.GetValueOrDefault("file"),
            Size = p.TryGetValue("size", out string? size) ? ParseSize(size) : null,
            Queues = p.TryGetValue("queues", out string? queues) ? ParseCount(queues, 1, 16)!.Value : 8,
            Serial = p.GetValueOrDefault("serial"),
        }), ["file", "size", "queues", "serial"]),
    };

    internal static IEnumerable<string> Names => s_models.Keys.Order(StringComparer.Ordinal);

    /// <summary>Adds a model that cannot be told anything; false when the name is taken.</summary>
    internal static bool TryAdd(string name, Func<PciDeviceModel> create) =>
        s_models.TryAdd(name, new Model(_ => create(), []));

    internal static IReadOnlyList<string> PropertiesOf(string model) => s_models[model].Properties;

    /// <summary>What is wrong with a model's name; null if nothing is.</summary>
    internal static string? CheckModel(string model) => s_models.ContainsKey(model)
        ? null
        : $"there is no device model \"{model}\"; expected one of: {string.Join(", ", Names)}";

    /// <summary>What is wrong with a property's value; null if nothing is.</summary>
    internal static string? CheckProperty(string model, string name, string value) => (model, name) switch
    {
        ("edu", "dmaMask") when ParseMask(value) is null =>
            $"\"dmaMask\" is a mask of address bits such as \"0xfffffff\", not \"{value}\"",
        ("dmatest", "virtualFunctions") when ParseCount(value, 0, DmaTestDevice.MaxVirtualFunctions) is null =>
            $"\"virtualFunctions\" is a number from 0 to {DmaTestDevice.MaxVirtualFunctions}, not \"{value}\"",
        ("dmatest", "pageRequests") when !bool.TryParse(value, out _) =>
            $"\"pageRequests\" is true or false, not \"{value}\"",
        ("dsa", "maxTransferLog2") when ParseCount(value, 1, 31) is null =>
            $"\"maxTransferLog2\" is a logarithm from 1 to 31, not \"{value}\"",
        ("dsa", "maxBatchLog2") when ParseCount(value, 1, 15) is null =>
            $"\"maxBatchLog2\" is a logarithm from 1 to 15, not \"{value}\"",
        ("ioat", "maxTransferLog2") when ParseCount(value, 12, 20) is null =>
            $"\"maxTransferLog2\" is a logarithm from 12 to 20, not \"{value}\"",
        ("ioat", "haltOnFault") when !bool.TryParse(value, out _) =>
            $"\"haltOnFault\" is true or false, not \"{value}\"",
        ("nvme", "file") when value.Length == 0 => "\"file\" is the path of a file, not \"\"",
        ("nvme", "size") when ParseSize(value) is null =>
            $"\"size\" is a number of bytes from 512 to 16T such as \"64M\", not \"{value}\"",
        ("nvme", "queues") when ParseCount(value, 1, 16) is null =>
            $"\"queues\" is a number from 1 to 16, not \"{value}\"",
        ("nvme", "serial") when value.Length is 0 or > 20 || !Ascii.IsValid(value) =>
            $"\"serial\" has 1 to 20 ASCII characters, not \"{value}\"",
        _ => null,
    };

    internal static PciDeviceModel Create(DeviceDescription device) => s_models[device.Model].Create(device.Properties);

    /// <summary>What a device with that model is when nothing restricts it.</summary>
    internal static PciFunction FunctionOf(string model) =>
        s_models[model].Create(new Dictionary<string, string>()).Function;

    private static ulong? ParseMask(string text) =>
        text.StartsWith("0x", StringComparison.Ordinal)
        && ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong mask)
        && mask != 0 && ulong.IsPow2(unchecked(mask + 1)) | mask == ulong.MaxValue
            ? mask
            : null;

    private static int? ParseCount(string text, int first, int last) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= first
        && value <= last ? value : null;

    /// <summary>A number of bytes, perhaps in units of 1024, 1024^2, 1024^3 or 1024^4.</summary>
    private static long? ParseSize(string text)
    {
        const long most = 16L << 40;
        int unit = text.Length > 0 ? "KMGT".IndexOf(text[^1], StringComparison.Ordinal) + 1 : 0;
        bool isNumber = long.TryParse(unit == 0 ? text : text[..^1], NumberStyles.None, CultureInfo.InvariantCulture,
            out long value);
        return isNumber && value <= most >> (unit * 10) && value << (unit * 10) >= 512 ? value << (unit * 10) : null;
    }

    private sealed record Model(Func<IReadOnlyDictionary<string, string>, PciDeviceModel> Create,
        IReadOnlyList<string> Properties);
}
