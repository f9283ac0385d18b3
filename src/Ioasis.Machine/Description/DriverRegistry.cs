using System.Collections.Concurrent;
using Ioasis.Core.Units;
using Ioasis.Units;

namespace Ioasis.Machine.Description;

/// <summary>The drivers of units that a description can name.</summary>
internal static class DriverRegistry
{
    private static readonly ConcurrentDictionary<string, IommuDriver> s_drivers =
        new(BuiltInDrivers.All.Select(driver => KeyValuePair.Create(driver.Name, driver)));

    /// <summary>The driver of a unit that names none.</summary>
    internal static IommuDriver Default => BuiltInDrivers.All[0];

    /// <summary>Adds a driver; false when its name is taken.</summary>
    internal static bool TryAdd(IommuDriver driver) => s_drivers.TryAdd(driver.Name, driver);

    /// <summary>What is wrong with a driver's name; null if nothing is.</summary>
    internal static string? Check(string driver) => s_drivers.ContainsKey(driver)
        ? null
        : $"there is no driver \"{driver}\"; there is "
            + $"{string.Join(", ", s_drivers.Keys.Order(StringComparer.Ordinal))}";

    internal static IommuDriver Find(string name) => s_drivers[name];
}
