namespace Ioasis.Devices.Edu;

/// <summary>Offsets of edu's registers, and what their bits mean (QEMU: docs/specs/edu).</summary>
internal static class EduRegisters
{
    internal const uint Identification = 0x00, Liveness = 0x04, Factorial = 0x08, Status = 0x20,
        InterruptStatus = 0x24, RaiseInterrupt = 0x60, Acknowledge = 0x64,
        Source = 0x80, Destination = 0x88, Count = 0x90, Command = 0x98, End = 0xa0;

    internal const uint Identity = 0x010000ed;
    internal const uint Idle = 0xffffffff; // value that write-only registers read as

    internal const uint Computing = 0x01, InterruptAfterFactorial = 0x80; // Status
    internal const ulong Run = 1, ToMemory = 2, InterruptAfterDma = 4; // Command
    internal const uint FactorialInterrupt = 0x001, DmaInterrupt = 0x100;

    // The device's buffer, as the DMA engine sees it; drivers cannot reach it.
    internal const ulong BufferAddress = 0x40000;
    internal const int BufferSize = 4096;
}
