using Microsoft.CodeAnalysis;

namespace Ioasis.Analyzers;

/// <summary>The rules, and the names of the types that they are about.</summary>
internal static class Rules
{
    internal const string Model = "Ioasis.Devices.PciDeviceModel", Port = "Ioasis.Core.Dma.DmaPort";

    internal static readonly string[] Addresses =
        ["Ioasis.Memory.Iova", "Ioasis.Memory.Hva", "Ioasis.Memory.Gpa"];

    internal static readonly string[] Owned =
    [
        "Ioasis.Client.Ioas", "Ioasis.Client.IoasMapping", "Ioasis.Client.IommuContext", "Ioasis.Client.VfioDevice",
        "Ioasis.Client.UserMemory", "Ioasis.Client.UserEvent", "Ioasis.Client.FaultQueue",
        "Ioasis.Client.NodeTransport", "Ioasis.Machine.SoftwareMachine", "Ioasis.Memory.BorrowedBytes",
    ];

    internal static readonly DiagnosticDescriptor DmaInRing = new(
        "IOASIS101", "DMA within a call of the host",
        "'{0}' makes DMA within '{1}', which runs inside a program's store; start a DeviceEngine instead",
        "Ioasis", DiagnosticSeverity.Warning, isEnabledByDefault: true,
        "A call of the host must return soon. A device moves memory on a thread of its own.");

    internal static readonly DiagnosticDescriptor MixedAddresses = new(
        "IOASIS102", "An address of one kind made from another's",
        "An {0} is made from the value of an {1}: the two are different address spaces",
        "Ioasis", DiagnosticSeverity.Warning, isEnabledByDefault: true,
        "A device's address (Iova), a process's (Hva) and a guest's (Gpa) are equal by chance only. "
            + "Map the memory, and use the address that the map returns.");

    internal static readonly DiagnosticDescriptor NotDisposed = new(
        "IOASIS103", "An object that nobody disposes of",
        "'{0}' is never disposed of; the {1} stays until its context or process ends",
        "Ioasis", DiagnosticSeverity.Warning, isEnabledByDefault: true,
        "Declare the variable with 'using', dispose of it, or hand it to an owner.");

    /// <summary>Whether a type is one of these, or derives from one.</summary>
    internal static bool Is(ITypeSymbol? type, params string[] names)
    {
        for (ITypeSymbol? at = type; at is not null; at = at.BaseType)
        {
            string name = at.OriginalDefinition.ToDisplayString();
            foreach (string wanted in names)
                if (name == wanted) return true;
        }

        return false;
    }
}
