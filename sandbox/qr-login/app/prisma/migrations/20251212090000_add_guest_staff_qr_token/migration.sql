-- Only additions: the release before this one neither knows nor touches the table,
-- so it can be there before the switch and stay after an application-only rollback.

-- CreateTable
CREATE TABLE "GuestStaffQRToken" (
    "id" TEXT NOT NULL,
    "tokenHash" TEXT NOT NULL,
    "hotelId" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "isUsed" BOOLEAN NOT NULL DEFAULT false,
    "usedAt" TIMESTAMPTZ(3),
    "usedRequest" TEXT,
    "createdBy" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "revokedBy" TEXT,
    "revokedAt" TIMESTAMPTZ(3),

    CONSTRAINT "GuestStaffQRToken_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "GuestStaffQRToken_tokenHash_key" ON "GuestStaffQRToken"("tokenHash");

-- CreateIndex
CREATE INDEX "GuestStaffQRToken_hotelId_idx" ON "GuestStaffQRToken"("hotelId");

-- CreateIndex
CREATE INDEX "GuestStaffQRToken_userId_idx" ON "GuestStaffQRToken"("userId");

-- CreateIndex
CREATE INDEX "GuestStaffQRToken_expiresAt_idx" ON "GuestStaffQRToken"("expiresAt");

-- CreateIndex
CREATE INDEX "GuestStaffQRToken_isUsed_idx" ON "GuestStaffQRToken"("isUsed");

-- AddForeignKey
ALTER TABLE "GuestStaffQRToken" ADD CONSTRAINT "GuestStaffQRToken_hotelId_fkey" FOREIGN KEY ("hotelId") REFERENCES "Hotel"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "GuestStaffQRToken" ADD CONSTRAINT "GuestStaffQRToken_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
