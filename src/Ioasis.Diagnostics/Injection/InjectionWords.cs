using System.Reflection;
using Ioasis.Abi;
using Ioasis.Core.Injection;

namespace Ioasis.Diagnostics.Injection;

/// <summary>The words by which rules name what goes wrong, and which calls fail.</summary>
internal static class InjectionWords
{
    private static readonly (InjectedFaults Fault, string Word)[] s_faults =
    [
        (InjectedFaults.DmaFault, "dma:fault"),
        (InjectedFaults.DmaDelay, "dma:delay"),
        (InjectedFaults.InterruptLost, "irq:lost"),
        (InjectedFaults.InterruptDoubled, "irq:doubled"),
        (InjectedFaults.InvalidationDropped, "inv:dropped"),
        (InjectedFaults.InvalidationSlow, "inv:slow"),
        (InjectedFaults.PageRequestOverflow, "prq:overflow"),
        (InjectedFaults.DeviceReset, "device:surprise-reset"),
        (InjectedFaults.DeviceGone, "device:gone"),
        (InjectedFaults.PasidExhausted, "pasid:exhausted"),
    ];

    private static readonly (string Word, string Path)[] s_nodes =
    [
        ("all", "/"), ("iommu", "/dev/iommu"), ("vfio", "/dev/vfio/"), ("vdpa", "/dev/vhost-vdpa"), ("sva", "/dev/sva"),
    ];

    private static readonly string[] s_calls = ["open", "read", "write", "mmap", "ioctl"];

    // Looked up only when a rule is read. A number of an ioctl has its type in the second byte.
    private static readonly Lazy<HashSet<string>> s_ioctls = new(() => [.. typeof(IommufdH).Assembly.GetTypes()
        .SelectMany(t => t.GetFields(BindingFlags.Public | BindingFlags.Static))
        .Where(f => f.IsLiteral && f.FieldType == typeof(uint) && IsIoctl((uint)f.GetRawConstantValue()!))
        .Select(f => f.Name)]);

    /// <summary>The words of all faults.</summary>
    internal static string Faults => string.Join(", ", s_faults.Select(f => f.Word));

    /// <summary>The words of faults.</summary>
    internal static string Of(InjectedFaults faults) =>
        string.Join(',', s_faults.Where(f => (faults & f.Fault) != 0).Select(f => f.Word));

    /// <summary>The fault of a word; None if there is none.</summary>
    internal static InjectedFaults FaultOf(string word) => Array.Find(s_faults, f => f.Word == word).Fault;

    /// <summary>Whether a word names calls.</summary>
    internal static bool IsCall(string word) => s_calls.Contains(word) || PathOf(word) is not null
        || s_ioctls.Value.Contains(word);

    /// <summary>What is wrong with a word that names no calls.</summary>
    internal static string NoCall(string word) =>
        $"\"{word}\" is no call; expected the name of an ioctl, or one of: open, read, write, mmap, ioctl, iommu, "
        + "vfio, vdpa, sva, all";

    /// <summary>Whether a word names this call.</summary>
    /// <param name="word">The word.</param>
    /// <param name="path">The path of the node.</param>
    /// <param name="call">As <see cref="Injector.FailCall"/> has it.</param>
    internal static bool Has(string word, string path, string call) =>
        word == call || (word == "ioctl" && !s_calls.Contains(call))
        || (PathOf(word) is { } prefix && path.StartsWith(prefix, StringComparison.Ordinal));

    private static string? PathOf(string word) => Array.Find(s_nodes, n => n.Word == word).Path;

    private static bool IsIoctl(uint number) => (number >> 8 & 0xff) is IommufdH.IOMMUFD_TYPE or 0xaf;
}
