using System.Globalization;

namespace Ioasis.Units.Vtd;

/// <summary>A VT-d unit of a running Linux, from its capability registers in sysfs.</summary>
internal static class VtdSystem
{
    private const int MostPasidBits = 20;

    /// <summary>
    /// The properties of a unit in a machine's description that is like it; null if it is no VT-d unit.
    /// </summary>
    /// <param name="attribute">Reads an attribute of it; null where there is none.</param>
    internal static IReadOnlyDictionary<string, object>? Describe(Func<string, string?> attribute)
    {
        if (!TryRegister(attribute("intel-iommu/cap"), out ulong capability)
            || !TryRegister(attribute("intel-iommu/ecap"), out ulong extended)) return null;
        int width = (int)(capability >> 16 & 0x3f) + 1; // MGAW
        return new Dictionary<string, object>
        {
            ["addressBits"] = width >= 57 ? 57 : width >= 48 ? 48 : 39,
            ["pages2M"] = Has(capability, 34),
            ["pages1G"] = Has(capability, 35),
            ["firstStage1G"] = Has(capability, 56),
            ["firstStage5Level"] = Has(capability, 60),
            ["nesting"] = Has(extended, 26),
            ["pageRequests"] = Has(extended, 29),
            ["pasidBits"] = Has(extended, 40) ? Math.Min(MostPasidBits, (int)(extended >> 35 & 0x1f) + 1) : 0,
            ["dirtyTracking"] = Has(extended, 45),
        };
    }

    private static bool Has(ulong register, int bit) => (register >> bit & 1) != 0;

    private static bool TryRegister(string? text, out ulong value)
    {
        value = 0;
        return text is not null
            && ulong.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }
}
