using System.Collections.Concurrent;
using Ioasis.Core.Units;
using Ioasis.Units.Vtd;

namespace Ioasis.Machine.Description;

/// <summary>The drivers of units that a description can name.</summary>
internal static class DriverRegistry
{
    /// <summary>The one that is built in, and that a unit has which names none.</summary>
    internal const string Vtd = "vtd";

    private static readonly ConcurrentDictionary<string, Func<UnitDescription, IommuUnit>> s_drivers = new()
    {
        [Vtd] = unit => new VtdUnit(unit.Name, unit.Features),
    };

    /// <summary>
    /// Adds a driver that cannot be told anything but its unit's name; false when the driver's name is taken.
    /// </summary>
    internal static bool TryAdd(string driver, Func<string, IommuUnit> create) =>
        s_drivers.TryAdd(driver, unit => create(unit.Name));

    /// <summary>What is wrong with a driver's name; null if nothing is.</summary>
    internal static string? Check(string driver) => s_drivers.ContainsKey(driver)
        ? null
        : $"there is no driver \"{driver}\"; "
            + $"there is {string.Join(", ", s_drivers.Keys.Order(StringComparer.Ordinal))}";

    internal static IommuUnit Create(UnitDescription unit) => s_drivers[unit.Driver](unit);
}
