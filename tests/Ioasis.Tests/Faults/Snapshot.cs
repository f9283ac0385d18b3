using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using Ioasis.Core.Domains;
using Ioasis.Core.Units;
using Ioasis.Devices.Slots;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Mapping;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using Ioasis.Passthrough.Vfio;
using Ioasis.Passthrough.Vfio.Pci;
using Ioasis.Units.Vtd.Nested;

namespace Ioasis.Tests.Faults;

/// <summary>
/// All state of ours that objects lead to, as text: two are equal when nothing that counts is different. What is a
/// cache, or an order in which free numbers happen to be kept, does not count.
/// </summary>
internal sealed class Snapshot
{
    private static readonly HashSet<string> s_ignored =
    [
        "_free", "_reserved", "_numbers", // of ObjectTable: what is free follows from the objects
        "_groups", // of IommufdContext: what is attached is found through the devices
        "_ports", "_mappings", // the table may be another
        "_hardware", // the configuration space, which VirtualConfig shows
        "_msiVectors", "MsiQueueMax", // count only while MSI is enabled, as on Linux
        "_barsDirty", // what is read is worked out when it is
        "_translations", "_structures", // caches of a first stage
        "_spare", // an empty list
        "_opener", "_context", // ways back up
        "_changes", // of VfioGroup: wakes those that wait for a device to be closed, and says nothing else
        "_granted", "Shares", // what is charged in steps, and to whom from the first call on
    ];

    private readonly StringBuilder _text = new();
    private readonly Dictionary<object, int> _seen = new(ReferenceEqualityComparer.Instance);

    internal static string Of(params object[] roots)
    {
        var snapshot = new Snapshot();
        foreach (object root in roots) snapshot.Add(root, 0);
        return snapshot._text.ToString();
    }

    private void Add(object? value, int depth)
    {
        switch (value)
        {
            case null:
                Line("null");
                return;
            case string or bool or Enum or nint:
            case IFormattable when value.GetType().IsPrimitive:
                Line(Convert.ToString(value, CultureInfo.InvariantCulture) ?? "");
                return;
            case byte[] bytes:
                Line(Convert.ToHexString(bytes));
                return;
            case MemoryBudget or MemoryShare: // FaultyProgram tells what of it counts
            case Lock or Delegate or MappingTable or IommuUnit or AddressSpace or PciSlot or VfioPciBus or DirtyBitmap
                or TranslationCache or StructureCache or Pointer or WeakReference:
                Line(value.GetType().Name);
                return;
        }

        if (value is PageCounts counts)
        {
            Line(string.Create(CultureInfo.InvariantCulture, $"{counts.Covered} pages pinned"));
            return;
        }

        Type type = value.GetType();
        if (!type.IsValueType && !_seen.TryAdd(value, _seen.Count))
        {
            Line($"@{_seen[value]}");
            return;
        }

        Line($"{type.Name} @{(type.IsValueType ? 0 : _seen[value])}");
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(RangeMap<>))
            AddAll((IEnumerable)type.GetMethod("All", BindingFlags.Instance | BindingFlags.Public
                    | BindingFlags.NonPublic)!.Invoke(value, null)!, depth);
        else if (value is IEnumerable items && type.Namespace?.StartsWith("System", StringComparison.Ordinal) == true)
            AddAll(items, depth);
        else if (type.Namespace?.StartsWith("Ioasis", StringComparison.Ordinal) == true || value is ITuple)
            AddFields(value, type, depth);

        void Line(string text) => _text.Append(' ', depth).Append(text).Append('\n');
    }

    private void AddAll(IEnumerable items, int depth)
    {
        object?[] all = [.. items.Cast<object?>()];
        // a table may have grown for something that went again
        int count = Array.FindLastIndex(all, i => i is not null) + 1;
        foreach (object? item in all.Take(count))
        {
            if (item is not null && item.GetType() is { IsGenericType: true } pair
                && pair.GetGenericTypeDefinition() == typeof(KeyValuePair<,>))
            {
                Add(pair.GetProperty("Key")!.GetValue(item), depth + 1);
                Add(pair.GetProperty("Value")!.GetValue(item), depth + 2);
            }
            else
            {
                Add(item, depth + 1);
            }
        }
    }

    private static bool IsBound(VfioPciDevice function) =>
        typeof(VfioDevice).GetField(
            "_bound", BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(function.Device) is not null;

    private void AddFields(object value, Type type, int depth)
    {
        for (Type? part = type; part is not null && part != typeof(object) && part != typeof(ValueType);
            part = part.BaseType)
        {
            // Of what tests put in place of a program's things, only what ours knows of it counts.
            if (part.Namespace!.StartsWith("Ioasis.Tests", StringComparison.Ordinal) || part == typeof(OwnAddressSpace))
                continue;
            foreach (FieldInfo field in part.GetFields(
                BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            {
                string name = field.Name.StartsWith('<') ? field.Name[1..field.Name.IndexOf('>')] : field.Name;
                if (s_ignored.Contains(name) && !(part == typeof(VfioGroup) && name == "_context")) continue;
                if (field.FieldType.IsPointer) continue;

                // Nobody sees these of a device that is not bound: binding makes them anew.
                if (name is ("_config" or "_interrupts") && value is VfioPciDevice device && !IsBound(device)) continue;
                _text.Append(' ', depth + 1).Append(name).Append(":\n");
                Add(field.GetValue(value), depth + 2);
            }
        }
    }
}
