using Ioasis.Linux.Processes;

namespace Ioasis.Host.Stacks;

/// <summary>What was copied of a thread that stood still at the end of its call.</summary>
/// <param name="Calls">The numbers of the calls of nodes that its system call was.</param>
/// <param name="Code">The code of its program.</param>
/// <param name="Registers">Its registers.</param>
/// <param name="Bytes">Its stack, from the stack pointer on.</param>
internal sealed record CapturedStack(
    IReadOnlyList<long> Calls, ProgramCode Code, ThreadRegisters Registers, byte[] Bytes);
